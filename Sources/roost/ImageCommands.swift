import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel

struct Image: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Manage images",
        subcommands: [
            Ls.self, InspectImage.self, Rm.self, Build.self, History.self, Pull.self, Push.self, Tag.self, Import.self,
            Load.self, Save.self, Prune.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List images", aliases: ["list"])
        @OptionGroup var images: Images
        func run() throws { try images.run() }
    }
    struct InspectImage: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display detailed information on one or more images")
        @Option(
            name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
        var format: String?
        @Argument(help: ArgumentHelp("Images", valueName: "image")) var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["images"], format) }
    }
    struct Rm: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove one or more images", aliases: ["remove"])
        @OptionGroup var command: ImageRemove
        func run() throws { try command.run() }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove dangling images (with -a, all unused images)")
        @Flag(name: [.short, .long], help: "Remove all unused images, not just dangling ones") var all = false
        @OptionGroup var options: PruneOptions
        func run() throws {
            let what = all ? "all images without at least one container associated to them" : "all dangling images"
            guard try options.confirm("This will remove \(what).") else { return }
            let report: ImagesPruneReport = try options.send(
                "images/prune", [all ? "dangling=false" : "dangling=true"])
            options.show("Images", Image.removed(report.imagesDeleted))
            options.reclaimed(report.spaceReclaimed)
        }
    }

    /// Formats removed images as `untagged: …` and `deleted: …`.
    static func removed(_ list: [ImageDeletion]?) -> [String] {
        (list ?? []).flatMap { entry in
            [entry.untagged.map { "untagged: \($0)" }, entry.deleted.map { "deleted: \($0)" }].compactMap { $0 }
        }
    }
}

struct ImageRemove: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove one or more images")
    @Flag(name: [.short, .long], help: "Force removal of the image") var force = false
    @Flag(name: .long, help: "No effect; there are no untagged parents") var noPrune = false
    @Argument(help: ArgumentHelp("Images", valueName: "image")) var names: [String]
    func run() throws {
        var failed = false
        for name in names {
            do {
                let removed: [ImageDeletion] = try CommandContext.shared.client().delete(
                    "images/\(name)", [("force", force ? "1" : "0")])
                for entry in removed {
                    if let untagged = entry.untagged { Output.line("Untagged: \(untagged)") }
                    if let deleted = entry.deleted { Output.line("Deleted: \(deleted)") }
                }
            } catch let error as RoostError {
                Output.error(CommandContext.shared.message(error))
                // As in Docker, a missing image is not an error with --force.
                if !(force && error.kind == .notFound) { failed = true }
            }
        }
        if failed { throw ExitCode(1) }
    }
}

struct Tag: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE")
    @Argument(help: ArgumentHelp("Name or ID of the image", valueName: "source-image")) var source: String
    @Argument(help: ArgumentHelp("Name and optionally a tag of the new reference", valueName: "target-image"))
    var target: String
    func run() throws { try CommandContext.shared.client().call("POST", "images/\(source)/tag", [("repo", target)]) }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Import the contents from a tarball to create a filesystem image",
        discussion: "Example: tar -C root -c . | roost import --change 'CMD [\"sh\"]' - busybox")
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Apply a Dockerfile instruction to the created image (e.g. CMD [\"sh\"])", valueName: "list"))
    var change: [String] = []
    @Option(
        name: [.short, .long], help: ArgumentHelp("Set commit message for the imported image", valueName: "string"))
    var message: String?
    @Option(name: .long, help: ArgumentHelp("Platform of the image (e.g. linux/amd64)", valueName: "string"))
    var platform: String?
    @Argument(help: ArgumentHelp("Tar archive, plain or compressed (- for STDIN)", valueName: "file")) var file: String
    @Argument(help: ArgumentHelp("Name and optionally a tag of the image", valueName: "repository")) var name: String?
    func run() throws {
        var query = [("fromSrc", "-")] + change.map { ("changes", $0) }
        if let name { query.append(("repo", name)) }
        if let message { query.append(("message", message)) }
        if let platform { query.append(("platform", platform)) }
        let input = try openInput(file)
        let answer = try CommandContext.shared.client().upload("images/create", query, file: input.raw)
        Output.line(try answer.next(ProgressMessage.self)?.status ?? "")
    }
}

func openInput(_ file: String) throws -> OwnedFD {
    if file == "-" {
        guard !Terminals.isTerminal(0) else {
            throw RoostError.invalid("standard input is a terminal: use a file, or pipe an archive to it")
        }
        return try Files.open("/proc/self/fd/0", .readOnly)
    }
    do throws(SyscallError) { return try Files.open(CommandContext.shared.absolute(file), .readOnly) } catch {
        throw RoostError.missing("open \(file): \(error.reason)")
    }
}

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Load images from a tar archive or STDIN (docker or OCI; plain, gzip or zstd)")
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Read from a tar archive file, instead of STDIN", valueName: "string"))
    var input: String?
    @Flag(name: [.short, .long], help: "Suppress the load output") var quiet = false
    func run() throws {
        let file = try openInput(input ?? "-")
        let answer = try CommandContext.shared.client().upload("images/load", [], file: file.raw)
        while let line = try answer.next(ProgressMessage.self) {
            if let message = line.error { throw RoostError.invalid(message) }
            // The names of the loaded images are the result, not progress: --quiet prints them too.
            let text = line.stream ?? ""
            if !quiet || text.hasPrefix("Loaded image") { Output.raw(text) }
        }
    }
}

struct Save: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Save one or more images to a tar archive (streamed to STDOUT by default)")
    @Option(name: [.short, .long], help: ArgumentHelp("Write to a file, instead of STDOUT", valueName: "string"))
    var output: String?
    @Argument(help: ArgumentHelp("Images", valueName: "image")) var names: [String]
    func run() throws {
        if output == nil, Terminals.isTerminal(1) {
            throw RoostError.invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        }
        let answer = try CommandContext.shared.client().open("GET", "images/get", names.map { ("names", $0) })
        try download(answer, to: output)
    }
}
