import EngineModel
import LinuxKernel
import Testing

@testable import APIClient

/// Answers as they come over the wire.
@Suite struct ExchangeTests {
    private func exchange(_ answer: String) throws -> HTTPExchange {
        let (near, far) = try Sockets.pair(.stream)
        try writeAll(far.raw, Array(answer.utf8))
        far.close()
        let exchange = HTTPExchange(near)
        try exchange.readHead()
        return exchange
    }

    @Test("an answer that breaks off is no whole answer")
    func cut() throws {
        for head in ["Transfer-Encoding: chunked\r\n\r\n5\r\nab", "Content-Length: 5\r\n\r\nab"] {
            let answer = try exchange("HTTP/1.1 200 OK\r\n" + head)
            #expect(throws: RoostError.self) { try answer.readAll() }
        }
        #expect(
            try exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\n\r\n").readAll()
                == Array("ab".utf8))
    }

    @Test(
        "lengths that no answer can have are refused",
        arguments: [
            "Content-Length: -1", "Content-Length: +5", "Content-Length: 99999999999999999999", "Content-Length: x",
        ])
    func lengths(header: String) {
        #expect(throws: RoostError.self) { try exchange("HTTP/1.1 200 OK\r\n\(header)\r\n\r\n") }
    }

    @Test(
        "sizes of chunks",
        arguments: [("5", 5), ("ff;name=value", 255), ("5 ", 5), ("-5", nil), ("", nil), ("fffffffffffffffff", nil)]
            as [(String, Int?)])
    func chunks(line: String, size: Int?) { #expect(HTTPExchange.chunkSize(Array(line.utf8)) == size) }
}
