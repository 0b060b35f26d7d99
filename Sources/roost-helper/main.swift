// The helper: processes untrusted input in a confined process.
import HelperJobs

HelperProgram.run(CommandLine.arguments)
