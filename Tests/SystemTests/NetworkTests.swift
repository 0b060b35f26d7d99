import Foundation
import Networking
import Testing

@Suite(.serialized) struct NetworkTests {
    private func fetch(_ address: String) throws -> String {
        try TestEngine.run("/usr/bin/curl", ["-s", "-m", "5", address]).output
    }

    @Test("published ports: from loopback and from outside, by IPv4 and IPv6; taken ones are refused by name")
    func ports() throws {
        try withEngine { engine in
            try engine.must(
                "run", "-d", "--name", "web", "-p", "0:80", "busybox", "sh", "-c",
                "mkdir /w; echo hello > /w/index.html; exec httpd -f -p 80 -h /w")
            let place = try engine.must("port", "web", "80").split(separator: "\n").first ?? ""
            let port = String(place.split(separator: ":").last ?? "")
            try engine.eventually("it answers") { try fetch("http://127.0.0.1:\(port)") == "hello\n" }
            #expect(try fetch("http://[::1]:\(port)") == "hello\n")
            let address =
                try TestEngine.run("/bin/hostname", ["-I"]).output.split(separator: " ").first.map(String.init)
                ?? "127.0.0.1"
            #expect(try fetch("http://\(address):\(port)") == "hello\n")
            let taken = try engine.roost("run", "-d", "-p", "\(port):80", "busybox", "sleep", "9")
            #expect(taken.code == 125 && taken.errors.contains("port is already allocated by container web"))
            try engine.must("rm", "-f", "web")
            #expect(try TestEngine.run("/usr/bin/curl", ["-s", "-m", "2", "http://127.0.0.1:\(port)"]).code == 7)
        }
    }

    @Test("a network of IPv6 alone: names, published ports, and nothing of it left in the packet rules")
    func version6Alone() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: six
                services:
                  web:
                    image: busybox
                    command: sh -c 'mkdir /w; echo hello > /w/index.html; exec httpd -f -p "[::]:80" -h /w'
                    ports: ["0:80"]
                    networks: [only]
                  client: {image: busybox, command: sleep 1000, networks: [only]}
                networks:
                  only: {enable_ipv4: false, enable_ipv6: true}
                """)
            try engine.must("up", "-d", in: folder)
            let inside = try engine.must("exec", "six-client-1", "ip", "addr", "show", "eth0")
            #expect(inside.contains("inet6 fd") && !inside.contains("inet "))
            try engine.eventually("it answers by name") {
                try engine.must("exec", "six-client-1", "wget", "-qO-", "http://web") == "hello"
            }
            let place = try engine.must("port", "six-web-1", "80").split(separator: "\n").first ?? ""
            let port = String(place.split(separator: ":").last ?? "")
            #expect(try fetch("http://127.0.0.1:\(port)") == "hello\n")
            #expect(try fetch("http://[::1]:\(port)") == "hello\n")
            let gateway = try engine.must(
                "network", "inspect", "-f", "{{.EnableIPv4}} {{(index .IPAM.Config 0).Gateway}}", "six_only"
            ).split(separator: " ")
            #expect(gateway.first == "false")
            #expect(try fetch("http://[\(gateway.last ?? "")]:\(port)") == "hello\n")
            #expect(try engine.must("up", "-d", in: folder).isEmpty)
            try engine.must("rm", "-f", "six-web-1")
            let rules = try TestEngine.run("/usr/sbin/nft", ["list", "ruleset"]).output
            #expect(!rules.contains("\(port) : "))
            try engine.must("down", in: folder)
            #expect(try engine.roost("network", "create", "--ipv4=false", "neither").code != 0)
        }
    }

    /// The image has no server for UDP, so the host's perl is lent to it.
    static let server = """
        use IO::Socket::INET; use IO::Select;
        my $udp = IO::Socket::INET->new(LocalPort => 53, Proto => 'udp') or die;
        my $all = IO::Select->new($udp); my %port;
        for my $p (80..82) {
          my $l = IO::Socket::INET->new(LocalPort => $p, Listen => 5, ReuseAddr => 1) or die; $port{$l} = $p; $all->add($l);
        }
        while (my @ready = $all->can_read) { for my $h (@ready) {
          if ($h == $udp) { my $from = $udp->recv(my $text, 65536); $udp->send("echo $text", 0, $from); }
          else { my $c = $h->accept; print $c "port $port{$h}\n"; close $c; }
        } }
        """

    @Test("published datagrams and ranges of ports")
    func datagramsAndRanges() throws {
        try withEngine { engine in
            let script = engine.folder + "/server.pl"
            try Self.server.write(toFile: script, atomically: true, encoding: .utf8)
            let lent = ["/usr", "/lib", "/lib64"].flatMap { ["-v", "\($0):\($0):ro"] }
            let made = try engine.roost(
                ["run", "-d", "--name", "server", "-p", "127.0.0.1:0:53/udp", "-p", "127.0.0.1:18370-18379:80"]
                    + ["-p", "127.0.0.1:18380-18382:80-82"] + lent
                    + ["-v", "\(script):/server.pl:ro", "busybox", "/usr/bin/perl", "/server.pl"])
            #expect(made.code == 0, "\(made.errors)")
            let udp = try engine.must("port", "server", "53/udp").split(separator: ":").last ?? ""
            let ask = """
                use IO::Socket::INET; use IO::Select;
                my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => \(udp), Proto => 'udp');
                $s->send('one'); IO::Select->new($s)->can_read(1) or exit; $s->recv(my $text, 100); print $text;
                """
            try engine.eventually("a datagram comes back") {
                try TestEngine.run("/usr/bin/perl", ["-e", ask]).output == "echo one"
            }
            for (port, inside) in [(18380, 80), (18381, 81), (18382, 82)] {
                let answer = try TestEngine.run("/usr/bin/curl", ["-s", "--http0.9", "-m", "5", "127.0.0.1:\(port)"])
                #expect(answer.output == "port \(inside)\n")
            }
            // One port of a range: the first that is free.
            #expect(try engine.must("port", "server", "80/tcp").contains("127.0.0.1:18370"))
            try engine.must("run", "-d", "--name", "second", "-p", "127.0.0.1:18370-18379:80", "busybox", "sleep", "60")
            #expect(try engine.must("port", "second", "80/tcp") == "127.0.0.1:18371")
        }
    }

    @Test("names resolve on their network and nowhere else; networks are apart")
    func names() throws {
        try withEngine { engine in
            try engine.must("network", "create", "one")
            try engine.must("network", "create", "--internal", "two")
            try engine.must(
                "run", "-d", "--name", "server", "--network", "one", "--network-alias", "api", "busybox", "sh", "-c",
                "mkdir /w; echo in > /w/index.html; exec httpd -f -p 80 -h /w")
            try engine.eventually("by its name") {
                try engine.must("run", "--rm", "--network", "one", "busybox", "sh", "-c", Self.fetchByName("server"))
                    == "in"
            }
            #expect(
                try engine.must("run", "--rm", "--network", "one", "busybox", "sh", "-c", Self.fetchByName("api"))
                    == "in")
            let address = try engine.must("inspect", "-f", "{{.NetworkSettings.Networks.one.IPAddress}}", "server")
            #expect(
                try engine.roost("run", "--rm", "--network", "two", "busybox", "nc", "-w", "2", address, "80").code != 0
            )
            #expect(try engine.roost("run", "--rm", "--network", "two", "busybox", "nslookup", "server").code != 0)
            #expect(
                try engine.must(
                    "run", "--rm", "--network", "container:server", "busybox", "wget", "-qO-", "http://127.0.0.1")
                    == "in")
            #expect(
                try engine.must("run", "--rm", "--network", "none", "busybox", "sh", "-c", "ls /sys/class/net") == "lo")
            // A container may listen on port 53 itself.
            #expect(
                try engine.must(
                    "run", "--rm", "--network", "one", "busybox", "sh", "-c",
                    "nc -l -p 53 & sleep 0.2; nslookup server >/dev/null && echo both") == "both")
            let used = try engine.roost("network", "rm", "one")
            #expect(used.code == 1 && used.errors.contains("has active endpoints"))
        }
    }

    @Test("a bridge keeps its hardware address while interfaces come and go")
    func steadyBridge() throws {
        try withEngine { engine in
            try engine.must("network", "create", "net")
            try engine.must("run", "-d", "--name", "first", "--network", "net", "busybox", "sleep", "600")
            let place = "/sys/class/net/\(try Self.bridge(engine))"
            let address = try String(contentsOfFile: place + "/address", encoding: .utf8)
            // Neither random (1) nor an interface's own, but set (3).
            #expect(try String(contentsOfFile: place + "/addr_assign_type", encoding: .utf8) == "3\n")
            try engine.must("run", "-d", "--name", "second", "--network", "net", "busybox", "sleep", "600")
            try engine.must("rm", "-f", "first")
            #expect(try String(contentsOfFile: place + "/address", encoding: .utf8) == address)
            let known = try engine.must(
                "exec", "second", "sh", "-c",
                "ping -c 1 $(ip route | awk '/default/ {print $3}') >/dev/null; cat /proc/net/arp")
            #expect(known.contains(address.split(separator: "\n").joined()))
        }
    }

    @Test("what is deleted under the engine comes back by itself")
    func healing() throws {
        try withEngine { engine in
            try engine.must("network", "create", "net")
            try engine.must(
                "run", "-d", "--name", "server", "--network", "net", "-p", "127.0.0.1:0:80", "busybox", "sh", "-c",
                "mkdir /w; echo in > /w/index.html; exec httpd -f -p 80 -h /w")
            try engine.eventually("it works") { try Self.works(engine) }
            let bridge = try Self.bridge(engine)
            let pair = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net/\(bridge)/brif").first ?? ""
            _ = try TestEngine.run("/usr/sbin/ip", ["link", "del", pair])
            try engine.eventually("the interface is back") { try Self.works(engine) }
            _ = try TestEngine.run("/usr/sbin/ip", ["link", "del", bridge])
            try engine.eventually("the bridge is back") { try Self.works(engine) }
            let tables = try TestEngine.run("/usr/sbin/nft", ["list", "tables"]).lines.filter {
                $0.contains("roost_" + bridge.dropFirst(2).prefix(4))
            }
            for table in tables {
                _ = try TestEngine.run("/usr/sbin/nft", ["delete"] + table.split(separator: " ").map(String.init))
            }
            try engine.eventually("the packet rules are back") {
                try TestEngine.run("/usr/sbin/nft", ["list", "tables"]).output.contains(
                    "roost_" + bridge.dropFirst(2).prefix(4))
            }
        }
    }

    @Test("an engine with more than 1,024 descriptors comes back with all of them")
    func manyDescriptors() throws {
        try withEngine { engine in
            // A published port is a socket that outlives the engine.
            for number in 0..<3 {
                let range = "\(20_000 + number * 400)-\(20_000 + number * 400 + 379)"
                try engine.must(
                    "run", "-d", "--name", "c\(number)", "-p", "127.0.7.1:\(range):\(range)", "busybox", "httpd", "-f",
                    "-p", "20810")
            }
            func descriptors() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(engine.enginePID)/fd").count
            }
            let before = try descriptors()
            #expect(before > 1100)
            kill(try engine.enginePID, SIGKILL)
            try engine.eventually("all of them are there again") { try descriptors() >= before - 20 }
            #expect(try engine.must("ps", "-q").split(separator: "\n").count == 3)
            let answer = try TestEngine.run(
                "/usr/bin/curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "5", "http://127.0.7.1:20810/"])
            #expect(answer.output == "404", "\(answer.output)")
        }
    }

    /// A static busybox has no resolver of glibc's, so the name is looked up by its nslookup.
    private static func fetchByName(_ name: String) -> String {
        "wget -qO- http://$(nslookup \(name) | awk '/^Address/ {a=$2} END {print a}')"
    }

    private static func works(_ engine: TestEngine) throws -> Bool {
        try engine.must("run", "--rm", "--network", "net", "busybox", "sh", "-c", fetchByName("server")) == "in"
    }

    private static func bridge(_ engine: TestEngine) throws -> String {
        KernelNames(runRoot: engine.runRoot).bridge(try engine.must("network", "inspect", "-f", "{{.Id}}", "net"))
    }
}
