import EngineModel
import Terminal
import Testing

/// Templates as Go's text/template and Docker's functions have them.
@Suite struct TemplateTests {
    static let value: JSON = [
        "Name": "web", "Count": 3, "Tags": ["a", "b"], "Empty": [], "Nothing": .null, "On": true,
        "Labels": ["com.example/x": "1", "b": "2"],
        "Networks": ["back": ["IP": "10.0.0.2"], "front": ["IP": "10.0.0.3"]],
    ]

    @Test(
        "each form gives what Go gives",
        arguments: [
            ("{{.Name}} {{.Count}}", "web 3"), ("{{json .Tags}}", "[\"a\",\"b\"]"), ("{{.Tags}}", "[a b]"),
            ("{{range .Networks}}{{.IP}} {{end}}", "10.0.0.2 10.0.0.3 "),
            ("{{range $name, $net := .Networks}}{{$name}}={{$net.IP}};{{end}}", "back=10.0.0.2;front=10.0.0.3;"),
            ("{{index .Labels \"com.example/x\"}}", "1"), ("{{index .Tags 1}}", "b"),
            ("{{(index .Networks \"front\").IP}}", "10.0.0.3"), ("{{len .Tags}}", "2"),
            ("{{if .On}}yes{{else}}no{{end}}", "yes"), ("{{if .Empty}}yes{{else if .Count}}more{{end}}", "more"),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"), ("{{with .Nothing}}x{{else}}nil{{end}}", "nil"),
            ("{{.Missing}}", "<no value>"), ("{{join .Tags \",\"}}", "a,b"), ("{{.Name | upper}}", "WEB"),
            ("{{upper .Name | printf \"%s-%d\"}}", "WEB-%!d(MISSING)"),
            ("{{printf \"%-5s|%5s|\" .Name .Name}}", "web  |  web|"),
            ("{{eq .Name \"web\"}} {{ne .Count 3}} {{gt .Count 2}}", "true false true"),
            ("{{and .On .Name}} {{or .Nothing .Name}} {{not .On}}", "web web false"),
            ("a {{- .Name -}} b", "awebb"), ("{{/* nothing */}}x", "x"), ("{{title \"hello you\"}}", "Hello You"),
            ("{{slice .Name 0 2}}", "we"), ("{{truncate .Name 1}}", "w"), ("{{pad .Name 1 2}}|", " web  |"),
            ("{{$x := .Name}}{{$x}}{{$.Count}}", "web3"), ("{{println .Name}}", "web\n"),
            (
                "{{.}}x",
                "map[Count:3 Empty:[] Labels:map[b:2 com.example/x:1] Name:web Networks:map[back:map[IP:10.0.0.2] front:map[IP:10.0.0.3]] Nothing:<no value> On:true Tags:[a b]]x"
            ),
        ] as [(String, String)])
    func forms(template: String, text: String) throws {
        #expect(try GoTemplate(template).render(Self.value) == text)
    }

    @Test(
        "what makes no sense is refused",
        arguments: [
            "{{if .A}}", "{{end}}", "{{nosuch .A}}", "{{\"open}}", "{{(.A}}", "{{.A)}}", "{{$unknown}}", "{{.A | }}",
        ])
    func mistakes(template: String) {
        #expect(throws: RoostError.self) { try GoTemplate(template).render(Self.value) }
    }

    @Test(
        "what a container has not: Go's text for nothing, or an error for what there cannot be",
        arguments: [
            ("{{.Foo}}", nil), ("{{.State.Foo}}", nil), ("{{.Name.Foo}}", nil), ("{{.State.Health.Status}}", nil),
            ("{{.State.Health}}", "<nil>"), ("{{.ExecIDs}}", "[]"), ("{{.Config.Volumes}}", "map[]"),
            ("{{.SizeRw}}", "<nil>"), ("{{.Config.Labels.x}}", "<no value>"), ("{{.Config.StopSignal}}", ""),
            ("{{.HostConfig.Sysctls}}", "map[]"), ("{{json .ExecIDs}}", "null"),
            ("{{.HostConfig.LogConfig.Config.x}}", "<no value>"),
            ("{{.NetworkSettings.Networks.foo.IPAddress}}", "<no value>"),
            ("{{if .State.Health}}a{{else}}b{{end}}", "b"), ("{{range .Foo}}x{{end}}", nil),
        ] as [(String, String?)])
    func absent(template: String, text: String?) throws {
        let container: JSON = [
            "Name": "/x", "State": ["Status": "created"], "ExecIDs": .null,
            "Config": ["Volumes": .null, "Labels": .object([])],
            "HostConfig": ["LogConfig": ["Config": .object([])]], "NetworkSettings": ["Networks": .object([])],
        ]
        #expect((try? Listing.one(template, container)) == text)
    }

    @Test("rows have the fields that they have")
    func rows() throws {
        var listing = try Listing("{{.ID}} {{.Nam}}", columns: [("ID", "ID")])
        do {
            _ = try listing.add(["ID": "1", "Name": "x"])
            Issue.record("it must fail")
        } catch { #expect("\(error)".contains("can't evaluate field Nam; available fields: ID, Name")) }
    }

    @Test("transfers together: amounts, speed, time left")
    func meter() {
        var meter = TransferMeter()
        #expect(meter.summary.isEmpty)
        meter.record("a", current: 0, total: 100_000_000, at: 0)
        meter.record("b", current: 0, total: 100_000_000, at: 0)
        #expect(meter.summary == "0B / 200MB")
        meter.record("a", current: 50_000_000, total: 100_000_000, at: 1_000_000_000)
        #expect(meter.summary == "50MB / 200MB  50MB/s  3s left")
        meter.complete("a")
        meter.record("b", current: 100_000_000, total: 100_000_000, at: 2_000_000_000)
        #expect(meter.summary == "200MB / 200MB")
    }

    @Test("a list: table, chosen columns, JSON, quiet")
    func listing() throws {
        func text(_ format: String?, quiet: String? = nil) throws -> String {
            var listing = try Listing(format, columns: [("Name", "NAME"), ("Count", "COUNT")], quiet: quiet)
            return (try listing.add(["Name": "web", "Count": "3"]) ?? "") + listing.rest
        }
        #expect(try text(nil) == "NAME      COUNT\nweb       3\n")
        #expect(try text("table {{.Count}}\\t{{.Name}}") == "COUNT     NAME\n3         web\n")
        #expect(try text("{{.Name}}:{{.Count}}") == "web:3\n")
        #expect(try text("json") == "{\"Count\":\"3\",\"Name\":\"web\"}\n")
        #expect(try text(nil, quiet: "Name") == "web\n")
    }
}
