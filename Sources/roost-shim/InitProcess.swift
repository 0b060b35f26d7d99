import LinuxKernel
import ShimProtocol

/// The tiny init of `--init`: PID 1 of the container stays this program, reaps orphans and forwards signals to its one child.
enum InitProcess {
    /// Splits in two: returns in the child, which goes on to be the program; the parent never returns.
    static func becomeInit() throws(ChildFailure) {
        try stage("start the init process") {
            // Everything that can be caught but the signals about the init itself.
            let forwarded: [Int32] = [1, 2, 3, 10, 12, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]
            let signals = try Processes.signalDescriptor(forwarded)
            guard let child = try Processes.fork() else {
                Processes.unblockSignals()
                try? Processes.startSession()
                return
            }
            Processes.setName("roost-init")
            // The child holds the end of the report pipe until it has executed; the init must not keep it open.
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
