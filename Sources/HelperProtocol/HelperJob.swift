/// The jobs of `roost-helper`: its first argument. Standard error takes what it has to say when it fails, as `FailureText`.
public enum HelperJob: String, Sendable {
    /// Standard input: a plain tar stream. Descriptor 3: the folder to fill. Standard output: records with a NUL after
    /// each, `o` and an opaque folder, at last `s` and the sum of the sizes.
    case unpack
    /// Standard input: compressed bytes. Standard output: plain ones.
    case decompress
    /// Works in a root that it mounts itself: descriptor 3 holds a `RootRequest`, which may come later than the helper; 4 perhaps a
    /// process, 5 perhaps the digests that are known.
    case root
    /// The same in the caller's own files: for the command line.
    case local
}
