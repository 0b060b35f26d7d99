import LinuxKernel

/// Holds the socket of an engine that has left because nothing was to do, and becomes that engine when somebody connects: whoever calls
/// waits in the backlog and sees nothing of it. Descriptor 0 is the listening socket, 1 the engine's lock, which stays taken so that no
/// other engine comes between. It is handed over as systemd would hand it (sd_listen_fds(3)).
enum SocketKeeper {
    /// `keep MARKER ENGINE WORDS…`: the file that says who keeps, the engine's program and its words.
    static func run(_ words: [String]) -> Never {
        guard words.count >= 2 else { Processes.exit(2) }
        Processes.setName("roost-keeper")
        do {
            try Files.write(words[0], "\(Processes.currentPID)\n")
            while try waitForAny([0], milliseconds: nil).isEmpty {}
            try? Files.remove(words[0])
            try Processes.redirect(0, to: 3)
            try Processes.redirect(1, to: 4)
            let null = try Files.open("/dev/null", .readWrite)
            for number: Int32 in 0...2 { try Processes.redirect(null.raw, to: number) }
            // Instead of what an engine before this one was started with: the first of two equal names would count.
            var variables = Processes.environment
            variables["LISTEN_FDS"] = "1"
            variables["LISTEN_PID"] = String(Processes.currentPID)
            variables["ROOST_LOCK_FD"] = "4"
            try Processes.execute(
                words[1], arguments: ["roostd"] + words.dropFirst(2),
                environment: variables.map { "\($0.key)=\($0.value)" })
        } catch { Processes.exit(1) }
    }
}
