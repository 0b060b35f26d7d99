/// Random numbers that can be had again (SplitMix64, Steele et al. 2014). The seed is printed, so that a failure can be repeated with it.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// Without a seed, a new one for each run.
    public init(_ purpose: String, seed: UInt64? = nil) {
        state = seed ?? UInt64.random(in: 0..<UInt64.max)
        print("\(purpose): seed \(state)")
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
