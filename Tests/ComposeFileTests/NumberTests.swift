import ComposeFile
import ComposeModel
import EngineModel
import Testing

@Suite struct NumberTests {
    @Test(
        "a number where a text is wanted is what Go prints",
        arguments: [
            ("65e1234", "65e1234"), ("1e400", "1e400"), ("1e6", "1e+06"), ("123456789.5", "1.234567895e+08"),
            ("1e15", "1e+15"), ("007e10", "7e+10"), ("100000.0", "100000"), ("1000000.0", "1e+06"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"), ("1.50", "1.5"), ("-0.0", "-0"), (".inf", "+Inf"), (".nan", "NaN"), ("0x1F", "31"),
            ("18446744073709551615", "18446744073709551615"), ("18446744073709551616", "1.8446744073709552e+19"),
            ("-9223372036854775809", "-9.223372036854776e+18"), ("5e-324", "5e-324"), ("1_000", "1000"), ("017", "15"),
        ])
    func text(_ written: String, _ value: String) throws {
        let service = try load("services: {a: {image: x, environment: {A: \(written)}}}").services["a"]
        #expect(service?["environment"]["A"].string == value)
    }

    @Test(
        "JSON writes numbers as encoding/json does",
        arguments: [
            (1e6, "1000000"), (1e21, "1e+21"), (1e-7, "1e-7"), (1.5e-10, "1.5e-10"), (0.1, "0.1"), (-2.0, "-2"),
            (0.0, "0"),
        ])
    func json(_ value: Double, _ text: String) { #expect(JSON.double(value).text() == text) }

    @Test(
        "sizes",
        arguments: [
            ("512m", Int64(536_870_912)), ("1e6", 1_000_000), ("1.5 g", 1_610_612_736), ("10KiB", 10240), ("7b", 7),
        ])
    func sizes(_ text: String, _ bytes: Int64) { #expect(ByteSize.parse(text) == bytes) }
    @Test("no sizes", arguments: ["512mbb", "m", "", "1ib", "0x10", "1 k b", "\u{661}m"])
    func noSizes(_ text: String) { #expect(ByteSize.parse(text) == nil) }
}
