import CSeccomp
import LinuxKernel

/// Builds seccomp programs with libseccomp. What is not allowed answers EPERM.
public enum SystemCallFilter {
    /// One rule of a profile: names, and perhaps a condition on one argument.
    public struct Rule: Sendable {
        public enum Condition: Sendable {
            case always
            case equals(argument: UInt32, UInt64)
            case differs(argument: UInt32, UInt64)
            /// The bits of the mask are all zero.
            case clear(argument: UInt32, mask: UInt64)
        }
        public let names: [String]
        public let condition: Condition
        /// nil allows; else the call fails with this errno.
        public let errno: Int32?

        public init(_ names: [String], _ condition: Condition = .always, errno: Int32? = nil) {
            self.names = names
            self.condition = condition
            self.errno = errno
        }
    }

    /// SCMP_ACT_ALLOW and SCMP_ACT_ERRNO(n): macros with casts in seccomp.h.
    private static let allow: UInt32 = 0x7fff_0000
    private static func fail(_ errno: Int32) -> UInt32 { 0x0005_0000 | UInt32(bitPattern: errno) & 0xffff }

    /// Compiles to the bytes that seccomp(2) takes: 8 per instruction. Names that this architecture does not know are left out.
    public static func compile(_ rules: [Rule]) throws(SyscallError) -> [UInt8] {
        guard let context = unsafe seccomp_init(fail(1)) else {
            throw SyscallError(call: "seccomp_init", subject: "a filter", errno: 12)
        }
        defer { unsafe seccomp_release(context) }
        #if arch(x86_64)
            // Programs for 32 bits run too, under the same rules: AUDIT_ARCH_I386 and the x32 form of x86-64.
            _ = unsafe seccomp_arch_add(context, 0x4000_0003)
            _ = unsafe seccomp_arch_add(context, 0x4000_003e)
        #endif
        // The binary tree makes a long list cheap for every call.
        _ = unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for rule in rules {
            let action = rule.errno.map(fail) ?? allow
            for name in rule.names {
                let number = unsafe seccomp_syscall_resolve_name(name)
                // __NR_SCMP_ERROR: no such name here.
                if number == -1 { continue }
                let code = unsafe add(context, action, number, rule.condition)
                // -EDOM and -EFAULT: the call does not exist on one of the architectures.
                if code < 0, code != -33, code != -14 {
                    throw SyscallError(call: "seccomp_rule_add", subject: name, errno: -code)
                }
            }
        }
        return try unsafe export(context)
    }

    private static func add(
        _ context: scmp_filter_ctx, _ action: UInt32, _ number: CInt, _ condition: Rule.Condition
    ) -> CInt {
        let comparison: scmp_arg_cmp
        switch condition {
        case .always: return unsafe seccomp_rule_add_array(context, action, number, 0, nil)
        case .equals(let index, let value):
            comparison = scmp_arg_cmp(arg: index, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
        case .differs(let index, let value):
            comparison = scmp_arg_cmp(arg: index, op: SCMP_CMP_NE, datum_a: value, datum_b: 0)
        case .clear(let index, let mask):
            comparison = scmp_arg_cmp(arg: index, op: SCMP_CMP_MASKED_EQ, datum_a: mask, datum_b: 0)
        }
        return unsafe seccomp_rule_add_array(context, action, number, 1, [comparison])
    }

    private static func export(_ context: scmp_filter_ctx) throws(SyscallError) -> [UInt8] {
        let file = try Files.memory("seccomp", [])
        let code = unsafe seccomp_export_bpf(context, file.raw)
        if code < 0 { throw SyscallError(call: "seccomp_export_bpf", subject: "a filter", errno: -code) }
        let size = try Files.status(of: file.raw).size
        return try readSome(file.raw, at: 0, limit: Int(size))
    }
}
