// The engine's executable. Without arguments it serves the default roots.
import APIServer
import EngineCore
import EngineModel
import Foundation
import LinuxKernel
import Logging
import RemoteDial

await DialHelper.runIfRequested(CommandLine.arguments)

let options: EngineOptions
do { options = try EngineOptions(Array(CommandLine.arguments.dropFirst())) } catch {
    FileHandle.standardError.write(Data("roostd: \(error)\n".utf8))
    exit(2)
}
if options.asksForHelp {
    FileHandle.standardOutput.write(Data((EngineOptions.usage + "\n").utf8))
    exit(0)
}
await EngineMain(options: options).run()
