import EngineModel
import OCI

/// A command in exec form or in shell form.
public enum CommandForm: Sendable, Equatable {
    case exec([String])
    case shell(String)
}

/// `RUN --mount=…` (Dockerfile reference, "RUN --mount").
public struct BuildMount: Sendable, Equatable {
    public enum Kind: String, Sendable { case bind, cache, tmpfs, secret, ssh }
    public enum Sharing: String, Sendable { case shared, `private`, locked }
    /// The default ID of the SSH agent.
    public static let firstAgent = "default"
    public var kind: Kind
    public var target = ""
    public var source = ""
    /// A stage or an image; nil means the build context.
    public var from: String?
    public var readOnly = false
    public var id = ""
    public var sharing = Sharing.shared
    public var mode: UInt32?
    public var user: UInt32 = 0
    public var group: UInt32 = 0
    public var size: Int64 = 0
    public var isRequired = false
    /// The environment variable of a secret (`env`).
    public var variable: String?

    public init(kind: Kind) { self.kind = kind }
}

public struct CopyInstruction: Sendable, Equatable {
    public var isAdd: Bool
    public var sources: [String]
    public var target: String
    public var from: String?
    public var owner: String?
    public var mode: String?
    public var keepsParents = false
    public var isLinked = false
    public var excluded: [String] = []
    public var checksum: String?
    public var keepsGit = false
    public var unpacks: Bool?
    public var documents: [HereDocument] = []
}

/// A parsed instruction, before variable substitution.
public enum InstructionKind: Sendable, Equatable {
    case run(CommandForm, mounts: [String], network: String?, documents: [HereDocument])
    case copy(CopyInstruction)
    case env([(String, String)])
    case label([(String, String)])
    case arg([(String, String?)])
    case workdir(String)
    case user(String)
    case expose([String])
    case volume([String])
    case command(CommandForm)
    case entrypoint(CommandForm)
    case shell([String])
    case stopSignal(String)
    case healthcheck(flags: [(String, String)], test: CommandForm?)
    case onBuild(String)
    case maintainer(String)

    public static func == (one: InstructionKind, other: InstructionKind) -> Bool { "\(one)" == "\(other)" }
}

public struct Instruction: Sendable, Equatable {
    public var line: Int
    public var kind: InstructionKind
    /// The original text.
    public var text: String
    public var word: String { String(text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }).uppercased() }
}

/// A build stage: `FROM …` and the instructions after it.
public struct BuildStage: Sendable, Equatable {
    public var line: Int
    /// An image, another stage's name, or scratch, before variable substitution.
    public var base: String
    public var platform: String?
    public var name: String?
    public var instructions: [Instruction] = []
    public var text: String
}

/// A whole Dockerfile.
public struct Dockerfile: Sendable {
    /// `ARG` before the first `FROM`.
    public var globalArguments: [(line: Int, name: String, value: String?)] = []
    public var stages: [BuildStage] = []
    public var escape: Character
    public var directives: [String: String]
    public var warnings: [(line: Int, message: String)]
}
