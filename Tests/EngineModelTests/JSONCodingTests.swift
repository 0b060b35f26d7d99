import EngineModel
import Testing

@Suite struct JSONCodingTests {
    struct Inner: Codable, Equatable {
        var name: String
        var flags: [Bool]
    }
    enum Choice: Codable, Equatable {
        case none
        case named(String)
    }
    struct Outer: Codable, Equatable {
        var zeta: Int64 = 0
        var alpha: String?
        var inner: [Inner] = []
        var map: [String: Int32] = [:]
        var choice = Choice.none
        var ratio = 0.5
        var address: IPAddress?
        var free: JSON?
    }

    @Test("a value comes back as it was, and its keys keep the order of the type")
    func roundTrip() throws {
        let value = Outer(
            zeta: -7, alpha: nil, inner: [Inner(name: "a\"\n\u{1}é", flags: [true, false])], map: ["x": 1],
            choice: .named("web"), ratio: 2, address: IPAddress("10.0.0.1"), free: ["k": [1, .null, "t"]])
        let text = try JSON(encoding: value).text()
        #expect(
            text
                == #"{"zeta":-7,"inner":[{"name":"a\"\n\u0001é","flags":[true,false]}],"map":{"x":1},"choice":{"named":{"_0":"web"}},"ratio":2,"address":"10.0.0.1","free":{"k":[1,null,"t"]}}"#
        )
        #expect(try JSON(parsing: text).decode(Outer.self) == value)
    }

    struct Limits: Codable, Equatable {
        var memory: Int64?
        var weight: UInt16?
        var names: [String]?
        enum CodingKeys: String, CodingKey {
            case memory = "Memory"
            case weight = "Weight"
            case names = "Names"
        }
    }

    @Test("keys match in any case, the exact one first and the last of several; unknown ones and null are as absent")
    func lenientKeys() throws {
        func read(_ text: String) throws -> Limits { try JSON(parsing: text).decode() }
        #expect(try read(#"{"memory":5,"Other":{}}"#) == Limits(memory: 5))
        #expect(try read(#"{"Memory":5,"MEMORY":6}"#) == Limits(memory: 5))
        #expect(try read(#"{"Memory":5,"Memory":6}"#) == Limits(memory: 6))
        #expect(try read(#"{"Memory":null}"#) == Limits())
    }

    @Test(
        "a wrong type is named with its path",
        arguments: [
            (#"{"Memory":"5"}"#, "for Memory: expected a 64-bit integer"),
            (#"{"Weight":70000}"#, "a number for Weight"),
            (#"{"Names":["a",1]}"#, "for Names[1]: expected a string"), (#"{"Memory":1.5}"#, "Memory"),
            (#"[]"#, "the body"),
        ])
    func wrongType(text: String, part: String) throws {
        let error = #expect(throws: RoostError.self) { try JSON(parsing: text).decode(Limits.self) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("what is absent and needed is named with its path")
    func absent() throws {
        let error = #expect(throws: RoostError.self) {
            try JSON(parsing: #"{"zeta":1,"inner":[{"name":"a"}],"map":{},"choice":{"none":{}},"ratio":1}"#)
                .decode(Outer.self)
        }
        #expect(error?.message == "invalid JSON: inner[0].flags is missing")
    }

    @Test("escapes, surrogates and their halves are read as Go reads them")
    func escapes() throws {
        #expect(try JSON(parsing: #""\ud83d\ude00 \ud83d x \u00e9\/""#).string == "😀 \u{fffd} x é/")
        #expect(throws: RoostError.self) { try JSON(parsing: #""\x""#) }
        #expect(throws: RoostError.self) { try JSON(parsing: #""abc\""#) }
        #expect(throws: RoostError.self) { try JSON(parsing: #""abc"#) }
        #expect(throws: RoostError.self) { try JSON(parsing: "tru") }
    }

    @Test(
        "only what RFC 8259 allows is a number or a string",
        arguments: ["+5", "007", "-", "1.", ".5", "1e", "1e+", "0x1", "--1", "1 2", "\"a\nb\"", #""\u+123""#, "nan"])
    func grammar(text: String) { #expect(throws: RoostError.self) { try JSON(parsing: text) } }

    @Test("numbers keep their value")
    func numbers() throws {
        #expect(
            try JSON(parsing: "[0,-0,-7,1.5,2e3,9223372036854775807,1E-2]").text()
                == "[0,0,-7,1.5,2000,9223372036854775807,0.01]")
    }
}
