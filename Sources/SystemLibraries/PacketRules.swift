import CNFTables
import LinuxKernel

/// A refused ruleset: what was asked and what the kernel or the parser said.
public struct PacketRuleError: Error, Sendable, CustomStringConvertible {
    public let message: String
    public var description: String { "nftables: \(message)" }
    /// The object is not there (any more): matched where that is as good as done.
    public var isMissing: Bool { message.contains("No such file or directory") }
}

/// Applies nftables rulesets in process (libnftables(3)). Everything in one call is one transaction of the kernel.
public enum PacketRules {
    @discardableResult
    public static func apply(_ ruleset: String, handles: Bool = false) throws(PacketRuleError) -> String {
        guard let context = unsafe nft_ctx_new(0) else { throw PacketRuleError(message: "no memory for a context") }
        defer { unsafe nft_ctx_free(context) }
        // NFT_CTX_OUTPUT_HANDLE: every rule with the number by which it can be deleted.
        if handles { unsafe nft_ctx_output_set_flags(context, 1 << 3) }
        _ = unsafe nft_ctx_buffer_output(context)
        _ = unsafe nft_ctx_buffer_error(context)
        let code = unsafe nft_run_cmd_from_buffer(context, ruleset)
        if code != 0 {
            let text = unsafe nft_ctx_get_error_buffer(context).map { unsafe String(cString: $0) } ?? "unknown error"
            throw PacketRuleError(message: text.split(separator: "\n").first.map(String.init) ?? text)
        }
        return unsafe nft_ctx_get_output_buffer(context).map { unsafe String(cString: $0) } ?? ""
    }
}
