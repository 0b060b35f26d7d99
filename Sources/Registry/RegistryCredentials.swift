import EngineModel
import FoundationEssentials

/// Credentials for a registry, as Docker clients send them (`X-Registry-Auth`: base64url of a JSON object).
package struct RegistryCredentials: Sendable, Equatable {
    package var username: String
    package var password: String
    /// A refresh token in place of name and password (`docker login` with some registries).
    package var identityToken: String
    /// A bearer token, sent unchanged.
    package var registryToken: String
    /// The registry of the credentials, as sent by the client.
    package var serverAddress: String

    package init(username: String = "", password: String = "", identityToken: String = "", serverAddress: String = "") {
        self.username = username
        self.password = password
        self.identityToken = identityToken
        self.serverAddress = serverAddress
        registryToken = ""
    }

    package init(json: JSON) {
        self.init(
            username: json["username"].string ?? "", password: json["password"].string ?? "",
            identityToken: json["identitytoken"].string ?? "", serverAddress: json["serveraddress"].string ?? "")
        registryToken = json["registrytoken"].string ?? ""
        if username.isEmpty, let both = json["auth"].string, let bytes = Data(base64Encoded: both) {
            let parts = String(decoding: bytes, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            username = String(parts[0])
            password = parts.count > 1 ? String(parts[1]) : ""
        }
    }

    /// Parses the header; nil if it is absent, empty or an empty object.
    package init?(header: String?) throws(RoostError) {
        guard let header, !header.isEmpty else { return nil }
        var text = header.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }.filter { $0 != "=" }
        while text.count % 4 != 0 { text.append("=") }
        guard let bytes = Data(base64Encoded: String(text)), let json = try? JSON(parsing: Array(bytes)) else {
            throw .invalid("X-Registry-Auth is not base64 of a JSON object")
        }
        self.init(json: json)
        if isEmpty { return nil }
    }

    package var isEmpty: Bool { username.isEmpty && identityToken.isEmpty && registryToken.isEmpty }

    /// The value of an `Authorization` header (RFC 7617).
    var basic: String { "Basic " + Data("\(username):\(password)".utf8).base64EncodedString() }
}
