import APIClient
import ArgumentParser
import EngineModel
import LinuxKernel

struct Image: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Work with images.",
        subcommands: [
            Ls.self, InspectImage.self, Rm.self, Build.self, History.self, Pull.self, Push.self, Tag.self, Import.self,
            Load.self, Save.self, Prune.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List images.", aliases: ["list"])
        @OptionGroup var images: Images
        func run() throws { try images.run() }
    }
    struct InspectImage: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about images.")
        @Option(name: [.short, .long]) var format: String?
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["images"], format) }
    }
    struct Rm: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove images.", aliases: ["remove"])
        @OptionGroup var command: ImageRemove
        func run() throws { try command.run() }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove images that have no name; with -a all that no container uses.")
        @Flag(name: [.short, .long], help: "All that no container uses.") var all = false
        @OptionGroup var options: PruneOptions
        func run() throws {
            let what = all ? "all images without at least one container associated to them" : "all dangling images"
            guard try options.confirm("This will remove \(what).") else { return }
            let answer = try options.send("images/prune", [all ? "dangling=false" : "dangling=true"])
            options.show("Images", Image.removed(answer["ImagesDeleted"]))
            options.reclaimed(answer)
        }
    }

    /// `untagged: …`, `deleted: …`.
    static func removed(_ list: JSON) -> [String] {
        (list.array ?? []).flatMap { entry in
            (entry.object ?? []).map { "\($0.key.lowercased()): \($0.value.string ?? "")" }
        }
    }
}

struct ImageRemove: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")
    @Flag(name: [.short, .long], help: "Although stopped containers use it.") var force = false
    @Flag(name: .long, help: "Accepted; there are no untagged parents.") var noPrune = false
    @Argument var names: [String]
    func run() throws {
        var failed = false
        for name in names {
            do {
                for entry in try Session.shared.client().call(
                    "DELETE", "images/\(name)", [("force", force ? "1" : "0")]
                ).array ?? [] {
                    for (key, value) in entry.object ?? [] { Output.line("\(key): \(value.string ?? "")") }
                }
            } catch let error as RoostError {
                Output.error(Session.shared.told(error))
                // What should be gone and is not there is gone, as Docker has it.
                if !(force && error.kind == .notFound) { failed = true }
            }
        }
        if failed { throw Leave(code: 1) }
    }
}

struct Tag: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tag", abstract: "Give an image one more name.")
    @Argument var source: String
    @Argument var target: String
    func run() throws { try Session.shared.client().call("POST", "images/\(source)/tag", [("repo", target)]) }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image of a root file system's archive.",
        discussion: "Example: tar -C root -c . | roost import --change 'CMD [\"sh\"]' - busybox")
    @Option(name: [.short, .long], help: "An instruction: CMD [\"sh\"], ENV A=1, ….") var change: [String] = []
    @Option(name: [.short, .long], help: "A comment for the history.") var message: String?
    @Option(name: .long, help: "What it is for: linux/ARCHITECTURE.") var platform: String?
    @Argument(help: "A tar file, plain or compressed; - is standard input.") var file: String
    @Argument(help: "The image's name.") var name: String?
    func run() throws {
        var query = [("fromSrc", "-")] + change.map { ("changes", $0) }
        if let name { query.append(("repo", name)) }
        if let message { query.append(("message", message)) }
        if let platform { query.append(("platform", platform)) }
        let input = try openInput(file)
        Output.line(
            try Session.shared.client().upload("images/create", query, file: input.raw).nextLine()?["status"].string
                ?? "")
    }
}

func openInput(_ file: String) throws -> OwnedFD {
    if file == "-" {
        guard !Terminals.isTerminal(0) else {
            throw RoostError.invalid("standard input is a terminal: give a file, or pipe an archive in")
        }
        return try Files.open("/proc/self/fd/0", .readOnly)
    }
    do throws(SyscallError) { return try Files.open(Session.shared.absolute(file), .readOnly) } catch {
        throw RoostError.missing("open \(file): \(error.reason)")
    }
}

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Load images from an archive (docker or OCI, plain, gzip or zstd).")
    @Option(name: [.short, .long], help: "The file; else standard input.") var input: String?
    @Flag(name: [.short, .long]) var quiet = false
    func run() throws {
        let file = try openInput(input ?? "-")
        let answer = try Session.shared.client().upload("images/load", [], file: file.raw)
        while let line = try answer.nextLine() {
            if let message = line["error"].string { throw RoostError.invalid(message) }
            // What was loaded is the result, not progress.
            let text = line["stream"].string ?? ""
            if !quiet || text.hasPrefix("Loaded image") { Output.raw(text) }
        }
    }
}

struct Save: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Write images to an archive that docker and OCI tools read.")
    @Option(name: [.short, .long], help: "The file; else standard output.") var output: String?
    @Argument var names: [String]
    func run() throws {
        if output == nil, Terminals.isTerminal(1) {
            throw RoostError.invalid("cowardly refusing to save to a terminal: use -o, or redirect")
        }
        let answer = try Session.shared.client().open("GET", "images/get", names.map { ("names", $0) })
        try download(answer, to: output)
    }
}
