/// The jobs of `roost-helper`, given as its first argument. On failure it writes a `HelperFailure` to standard error.
package enum HelperJob: String, Sendable {
    /// Standard input: a tar stream. Descriptor 3: the target directory. Standard output: NUL-terminated records, `o` + an opaque
    /// directory, finally `s` + the total size in bytes.
    case unpack
    /// Standard input: compressed bytes. Standard output: the decompressed bytes.
    case decompress
    /// Works in a root that it mounts itself. Descriptor 3: a `RootRequest`, which may arrive after the helper has started; 4: a pidfd or
    /// /dev/null; 5: the digest cache or /dev/null.
    case root
    /// Runs a `RootRequest` on the caller's own files, for the CLI.
    case local
}
