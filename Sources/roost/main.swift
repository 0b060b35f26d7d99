import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel
// The CLI. Global options before the command select the engine and the project; everything else belongs to the command.
import Synchronization

// A blocked signal mask is inherited from the parent process.
Processes.unblockSignals()
Processes.ignore(13)
var arguments = Array(CommandLine.arguments.dropFirst())
do {
    try CommandContext.shared.takeGlobals(&arguments)
    if let text = UsageErrors.unknownCommand(arguments) {
        Output.error(text)
        throw ExitCode(1)
    }
    arguments = FlagNormalizer.normalized(arguments)
    // With -H or --context the user has selected the engine explicitly, so no note is needed.
    if CommandContext.shared.host == nil, CommandContext.shared.context == nil, CommandContext.shared.runRoot == nil {
        EngineClient.foreign.withLock { tell in
            tell = { Output.error("note: connected to \($0) at \($1), not to a Roost engine") }
        }
    }
    var command = try Roost.parseAsRoot(arguments)
    try command.run()
} catch let code as ExitCode {
    Processes.exit(code.rawValue)
} catch let error as ComposeError {
    Output.error(error.rendered { try? Files.readText(CommandContext.shared.absolute($0)) })
    // Compose's exit codes: 14 for a missing file, 15 for an invalid one.
    Processes.exit(error.isMissingFile && error.location == nil ? 14 : 15)
} catch let error as RoostError {
    Output.error(
        CommandContext.shared.message(error))
    Processes.exit(1)
} catch let error as Arguments.Missing {
    Output.error(error.text)
    Processes.exit(1)
} catch let error as SyscallError {
    Output.error("\(error)")
    Processes.exit(1)
} catch {
    // Docker's exit codes: 125 for an unknown option, 1 for a wrong number of arguments or an unknown command.
    guard Roost.exitCode(for: error).rawValue == 64 else { Roost.exit(withError: error) }
    let (text, code) = UsageErrors.message(Roost.fullMessage(for: error), arguments)
    Output.error(text)
    Processes.exit(code)
}
