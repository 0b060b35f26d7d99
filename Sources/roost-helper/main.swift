// The helper: processes untrusted input in a confined process.
import HelperJobs

HelperMain.run(CommandLine.arguments)
