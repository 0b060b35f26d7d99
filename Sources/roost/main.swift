// The command line. Words before the verb choose engine and project; everything else is the verb's.
import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel

// Whoever started us may have had signals blocked, and they would stay so.
Processes.unblockSignals()
Processes.ignore(13)
var arguments = Array(CommandLine.arguments.dropFirst())
do {
    try Session.shared.takeGlobals(&arguments)
    if let text = UsageErrors.unknownCommand(arguments) {
        Output.error(text)
        throw Leave(code: 1)
    }
    arguments = DockerSpelling.normalized(arguments)
    // Whoever writes -H or --context has said which engine it is.
    if Session.shared.host == nil, Session.shared.context == nil, Session.shared.runRoot == nil {
        EngineClient.foreign.withLock { tell in
            tell = { Output.error("note: talking to \($0) at \($1), not to a Roost engine") }
        }
    }
    var command = try Roost.parseAsRoot(arguments)
    try command.run()
} catch let leave as Leave {
    Processes.exit(leave.code)
} catch let error as ComposeError {
    Output.error(error.rendered { try? Files.readText(Session.shared.absolute($0)) })
    // As Compose ends: 14 for a file that is not there, 15 for one that is wrong.
    let isMissing = error.message.contains("not found") || error.message.contains("no such file or directory")
    Processes.exit(isMissing && error.place == nil ? 14 : 15)
} catch let error as RoostError {
    Output.error(
        Session.shared.told(error))
    Processes.exit(1)
} catch let error as Arguments.Missing {
    Output.error(error.text)
    Processes.exit(1)
} catch let error as SyscallError {
    Output.error("\(error)")
    Processes.exit(1)
} catch {
    // As Docker ends: 125 for an option that there is not, 1 for a wrong number of words or an unknown command.
    guard Roost.exitCode(for: error).rawValue == 64 else { Roost.exit(withError: error) }
    let (text, code) = UsageErrors.told(Roost.fullMessage(for: error), arguments)
    Output.error(text)
    Processes.exit(code)
}
