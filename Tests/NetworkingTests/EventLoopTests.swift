import Dispatch
import LinuxKernel
import Synchronization
import Testing

@Suite struct EventLoopTests {
    /// Runs a job on the loop and waits for it.
    private func onLoop(_ loop: IOLoop, _ job: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        loop.perform {
            job()
            done.signal()
        }
        done.wait()
    }

    @Test("what was ready before a descriptor's number was given anew is not told to the new one")
    func generations() throws {
        let loop = try IOLoop()
        let (first, second) = (try LinuxKernel.Pipe(), try LinuxKernel.Pipe())
        let pipes = [first, second]
        let calls = Mutex<[String]>([])
        let kept = Mutex<[LinuxKernel.Pipe]>([])
        for (index, pipe) in pipes.enumerated() {
            let other = pipes[1 - index]
            try loop.add(pipe.reading.raw, .readable) { _ in
                calls.withLock { $0.append("old") }
                let number = other.reading.raw
                loop.remove(pipe.reading.raw)
                loop.remove(number)
                // An empty pipe under the other's number: nothing of it is ready.
                guard let fresh = try? LinuxKernel.Pipe(),
                    (try? Processes.redirect(fresh.reading.raw, to: number)) != nil
                else {
                    return
                }
                try? loop.add(number, .readable) { _ in calls.withLock { $0.append("new") } }
                kept.withLock { $0.append(fresh) }
            }
        }
        // Both become ready while the loop is busy, so that one wait tells of both.
        onLoop(loop) {
            for pipe in pipes { try? writeAll(pipe.writing.raw, [1]) }
        }
        onLoop(loop) {}
        let told = calls.withLock { $0 }
        #expect(told.first == "old" && told.count == 1)
        withExtendedLifetime(pipes) {}
    }
}
