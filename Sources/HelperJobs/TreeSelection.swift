import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Receives the files that a selection finds.
protocol SelectionSink {
    mutating func take(_ path: String, _ status: FileStatus, as name: String, _ selection: RootRequest.Selection) throws
    /// Creates the target directory, which does not exist yet.
    mutating func makeDirectory(_ path: String, _ selection: RootRequest.Selection) throws
    /// Unpacks a tar archive into a directory (ADD).
    mutating func unpack(
        _ path: String, _ status: FileStatus, into folder: String, _ selection: RootRequest.Selection
    ) throws
}

/// Selects the source files of COPY and ADD (Dockerfile reference, "COPY", "Wildcards", ".dockerignore").
struct TreeSelection {
    let selection: RootRequest.Selection
    private let ignored: IgnoreRules
    private let excluded: IgnoreRules
    private let hasRules: Bool

    init(_ selection: RootRequest.Selection) throws {
        self.selection = selection
        ignored = try IgnoreRules(lines: selection.ignored)
        excluded = try IgnoreRules(lines: selection.excluded)
        hasRules = !selection.ignored.isEmpty || !selection.excluded.isEmpty
    }

    func walk(into sink: inout some SelectionSink) throws {
        for source in selection.sources {
            let found = try expand(source)
            guard !found.isEmpty else {
                throw RoostError.missing(
                    "COPY failed: file not found in build context or excluded by .dockerignore: stat \(source): file does not exist"
                )
            }
            for parts in found { try take(parts, source, into: &sink) }
        }
    }

    /// The paths that a source matches, as components below the root. Symbolic links on the way are followed inside the root.
    private func expand(_ source: String) throws -> [[Substring]] {
        let clean = Self.clean(source)
        let pattern = try PathPattern(clean.joined(separator: "/"))
        guard pattern.isWild else {
            // A plain name may contain backslash escapes, which the pattern removes.
            let parts = clean.map { Substring($0.filter { $0 != "\\" }) }
            guard !isIgnored(parts) || mayKeepBelow(parts),
                (try? Files.status(Self.path(parts))) != nil
                    || (try? Files.status(Self.path(parts), followLinks: false)) != nil
            else { return [] }
            return [parts]
        }
        var found: [[Substring]] = []
        func visit(_ folder: [Substring]) throws {
            guard let names = try? Files.list(Self.path(folder)) else { return }
            for name in names.sorted() {
                let parts = folder + [Substring(name)]
                if isIgnored(parts), !mayKeepBelow(parts) { continue }
                if pattern.matches(parts) {
                    if !isIgnored(parts) { found.append(parts) }
                } else if pattern.mayMatchBelow(parts),
                    (try? Files.status(Self.path(parts), followLinks: false).isDirectory) == true
                {
                    try visit(parts)
                }
            }
        }
        try visit([])
        return found
    }

    static func clean(_ path: String) -> [Substring] {
        var parts: [Substring] = []
        for part in path.pathParts where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts
    }

    static func path(_ parts: [Substring]) -> String { "/" + parts.joined(separator: "/") }

    private func isIgnored(_ parts: [Substring]) -> Bool {
        !parts.isEmpty && (ignored.excludes(parts) || excluded.excludes(parts))
    }

    private func mayKeepBelow(_ parts: [Substring]) -> Bool {
        ignored.mayKeepBelow(parts) || excluded.mayKeepBelow(parts)
    }

    private func take(_ parts: [Substring], _ source: String, into sink: inout some SelectionSink) throws {
        // Symbolic links of the source itself are followed, as in Docker; links below it are copied.
        let path = try Files.canonical(Self.path(parts))
        let status = try Files.status(path)
        let target = selection.target
        if status.isDirectory {
            if selection.makesTarget { try sink.makeDirectory(target, selection) }
            let prefix = selection.keepsParents ? Self.kept(parts, source) : ""
            if selection.keepsParents, !prefix.isEmpty {
                try sink.take(path, status, as: Self.join(target, prefix), selection)
            }
            return try takeContent(parts, Self.join(target, prefix), into: &sink)
        }
        if selection.unpacksArchives, status.isRegular, try ArchiveReader.isArchive(path) {
            if selection.makesTarget {
                // --chmod applies to copied files, not to the directory that an archive is unpacked into.
                var folder = selection
                folder.mode = nil
                try sink.makeDirectory(target, folder)
            }
            return try sink.unpack(path, status, into: target, selection)
        }
        let name: String
        if selection.keepsParents {
            name = Self.join(target, Self.kept(parts, source))
        } else {
            name = selection.targetIsFolder ? Self.join(target, String(parts.last ?? "")) : target
        }
        try sink.take(path, status, as: name, selection)
    }

    /// The part of a path that `--parents` keeps: after `/./` if present, otherwise all of it.
    private static func kept(_ parts: [Substring], _ source: String) -> String {
        let pieces = source.pathParts
        let pivot = pieces.firstIndex(of: ".") ?? 0
        let dropped = pieces.contains(".") && pivot > 0 ? pivot : 0
        return parts.dropFirst(dropped).joined(separator: "/")
    }

    static func join(_ folder: String, _ name: String) -> String {
        name.isEmpty ? folder : folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    private func takeContent(_ folder: [Substring], _ target: String, into sink: inout some SelectionSink) throws {
        let place = Self.path(folder)
        let handle = try Files.open(place, [.readOnly, .directory])
        for name in try Files.list(place).sorted() {
            let parts = hasRules || selection.keepsParents ? folder + [Substring(name)] : []
            let path = place == "/" ? "/" + name : place + "/" + name
            // Relative to the open directory: saves a path walk per file.
            let status = try Files.status(at: handle.raw, name)
            let isLeftOut = hasRules && isIgnored(parts)
            if isLeftOut, !(status.isDirectory && mayKeepBelow(parts)) { continue }
            // An ignored directory is created implicitly with the files below it that are kept.
            if !isLeftOut { try sink.take(path, status, as: Self.join(target, name), selection) }
            if status.isDirectory {
                try takeContent(folder + [Substring(name)], Self.join(target, name), into: &sink)
            }
        }
    }
}

/// Writes a selection into an archive.
struct ArchivingSink: SelectionSink {
    var tree: TreeArchiver
    private var hasTarget = false

    init(tree: TreeArchiver) { self.tree = tree }

    mutating func take(_ path: String, _ status: FileStatus, as name: String, _ selection: RootRequest.Selection) throws
    {
        // Files of a build context belong to root unless the instruction sets another owner.
        try tree.addOne(
            path, status, as: name, owner: selection.owner,
            mode: status.isSymbolicLink ? nil : selection.mode.map { $0 & 0o7777 })
    }

    mutating func makeDirectory(_ path: String, _ selection: RootRequest.Selection) throws {
        guard !hasTarget else { return }
        hasTarget = true
        try tree.writer.add(
            path, kind: .directory, mode: selection.mode.map { $0 & 0o7777 } ?? 0o755, user: selection.owner?.user ?? 0,
            group: selection.owner?.group ?? 0,
            size: 0, modifiedSeconds: Clocks.wallNanoseconds() / 1_000_000_000)
    }

    /// The owners in the archive are kept unless --chown is given, as in Docker.
    mutating func unpack(
        _ path: String, _ status: FileStatus, into folder: String, _ selection: RootRequest.Selection
    ) throws {
        let owner = selection.changesOwner ? selection.owner : nil
        let file = try Files.open(path, .readOnly)
        let reader = try ArchiveReader(descriptor: file.raw)
        while let entry = try reader.next() {
            let place = try EntryPath(entry.path)
            if place.name.isEmpty { continue }
            let name = TreeSelection.join(
                folder, place.parent.dropFirst() + (place.parent == "/" ? "" : "/") + place.name)
            var kind = entry.kind
            if case .hardLink(let target) = kind { kind = .hardLink(target: TreeSelection.join(folder, target)) }
            if case .other = kind { continue }
            try tree.writer.add(
                name, kind: kind, mode: entry.mode, user: owner?.user ?? entry.user,
                group: owner?.group ?? entry.group, size: entry.size, modifiedSeconds: entry.modifiedSeconds,
                attributes: entry.attributes)
            guard kind == .file else { continue }
            while true {
                let part = try reader.read()
                if part.isEmpty { break }
                try tree.writer.write(part)
            }
        }
    }
}
