/// Who reads a container's output, and who waits until they have it all.
struct OutputReaders {
    var signals: [OutputSignal] = []
    var waiting: [CheckedContinuation<Void, Never>] = []
}

/// How much of a container's output its log has not taken in this run, and why.
struct UnloggedOutput {
    var bytes: Int64 = 0
    var errno: Int32 = 0
}
