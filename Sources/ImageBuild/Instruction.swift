import EngineModel
import OCI

/// A command in exec form or in shell form.
package enum CommandForm: Sendable, Equatable {
    case exec([String])
    case shell(String)
}

/// `RUN --mount=…` (Dockerfile reference, "RUN --mount").
package struct BuildMount: Sendable, Equatable {
    package enum Kind: String, Sendable { case bind, cache, tmpfs, secret, ssh }
    package enum Sharing: String, Sendable { case shared, `private`, locked }
    /// The default ID of the SSH agent.
    package static let firstAgent = "default"
    package var kind: Kind
    package var target = ""
    package var source = ""
    /// A stage or an image; nil means the build context.
    package var from: String?
    package var readOnly = false
    package var id = ""
    package var sharing = Sharing.shared
    package var mode: UInt32?
    package var user: UInt32 = 0
    package var group: UInt32 = 0
    package var size: Int64 = 0
    package var isRequired = false
    /// The environment variable of a secret (`env`).
    package var variable: String?

    package init(kind: Kind) { self.kind = kind }
}

package struct CopyInstruction: Sendable, Equatable {
    package var isAdd: Bool
    package var sources: [String]
    package var target: String
    package var from: String?
    package var owner: String?
    package var mode: String?
    package var keepsParents = false
    package var isLinked = false
    package var excluded: [String] = []
    package var checksum: String?
    package var keepsGit = false
    package var unpacks: Bool?
    package var documents: [HereDocument] = []
}

/// A parsed instruction, before variable substitution.
package enum InstructionKind: Sendable, Equatable {
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

    package static func == (one: InstructionKind, other: InstructionKind) -> Bool { "\(one)" == "\(other)" }
}

package struct Instruction: Sendable, Equatable {
    package var line: Int
    package var kind: InstructionKind
    /// The original text.
    package var text: String
    package var word: String { String(text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }).uppercased() }
}

/// A build stage: `FROM …` and the instructions after it.
package struct BuildStage: Sendable, Equatable {
    package var line: Int
    /// An image, another stage's name, or scratch, before variable substitution.
    package var base: String
    package var platform: String?
    package var name: String?
    package var instructions: [Instruction] = []
    package var text: String
}

/// A whole Dockerfile.
package struct Dockerfile: Sendable {
    /// `ARG` before the first `FROM`.
    package var globalArguments: [(line: Int, name: String, value: String?)] = []
    package var stages: [BuildStage] = []
    package var escape: Character
    package var directives: [String: String]
    package var warnings: [(line: Int, message: String)]
}
