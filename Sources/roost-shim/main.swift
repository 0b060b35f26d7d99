// The shim: parent of a container's first process; writes its log and records its exit status. Single-threaded and without Foundation, so
// that Swift code may run on both sides of clone3(2). The protocol with the engine is described in ShimProtocol/Messages.swift.
import LinuxKernel
import ShimProtocol

let engineSocket: Int32 = 0
let planFile: Int32 = 1
let sandbox: Int32 = 2

/// Reads the launch plan; on failure reports it to the engine and exits with 125.
func readPlan() -> LaunchPlan {
    do {
        return try LaunchPlan(decoding: readAll(planFile, limit: 64 << 20))
    } catch {
        let message = ShimMessage.failed(step: "read the launch plan", reason: "\(error)", exitCode: 125)
        try? Sockets.send(engineSocket, message.encoded())
        Processes.exit(125)
    }
}

Processes.setName("roost-shim")
try? Processes.setDumpable(false)
Processes.setFileMask(0o022)
if CommandLine.arguments.dropFirst().first == "keep" { SocketKeeper.run(Array(CommandLine.arguments.dropFirst(2))) }
try? Processes.closeOnExec(from: 3)
let plan = readPlan()
switch plan.kind {
case .container(let container): ContainerShim(plan: plan, container: container).run()
case .exec: ExecShim(plan: plan).run()
}
