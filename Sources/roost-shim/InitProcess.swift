import LinuxKernel
import ShimProtocol

/// The init process of `--init`: stays as PID 1 of the container, reaps orphans and forwards signals to its child.
enum InitProcess {
    /// Forks: returns in the child, which executes the command; the parent becomes the init and never returns.
    static func becomeInit() throws(ChildFailure) {
        try stage("start the init process") {
            // All catchable signals except those caused by the init process itself.
            let forwarded: [Int32] = [1, 2, 3, 10, 12, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]
            let signals = try Processes.signalDescriptor(forwarded)
            guard let child = try Processes.fork() else {
                Processes.unblockSignals()
                try? Processes.startSession()
                return
            }
            Processes.setName("roost-init")
            // Close the inherited report pipe: the shim waits for its end of file, which comes when the child executes.
            try? Processes.closeAll(from: 3, except: signals.raw)
            serve(child: child, signals: signals.raw)
        }
    }

    private static func serve(child: Int32, signals: Int32) -> Never {
        while true {
            _ = try? waitUntilReady(signals, milliseconds: nil)
            guard let number = Processes.nextSignal(signals) else { continue }
            if number != 17 {
                try? Processes.signal(pid: child, number)
                continue
            }
            while let ended = try? Processes.collect() {
                if ended.pid == child { Processes.exit(ended.status.code) }
            }
        }
    }
}
