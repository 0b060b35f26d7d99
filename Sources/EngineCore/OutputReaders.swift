/// The readers of a container's output, and the tasks that wait until they have all of it.
struct OutputReaders {
    var signals: [OutputSignal] = []
    var waiting: [CheckedContinuation<Void, Never>] = []
}

/// The output of this run that a container's log could not take, and why.
struct UnloggedOutput {
    var bytes: Int64 = 0
    var errno: Int32 = 0
}
