import CSeccomp
import LinuxKernel

/// Compiles seccomp filters with libseccomp.
package enum SeccompFilter {
    /// The action for a system call (seccomp(2), SECCOMP_RET_…).
    package enum Action: Sendable, Equatable {
        case allow, killProcess, killThread, trap, log
        case fail(errno: Int32)
        case trace(UInt16)

        /// SCMP_ACT_…: macros with casts in seccomp.h.
        var raw: UInt32 {
            switch self {
            case .allow: 0x7fff_0000
            case .killProcess: 0x8000_0000
            case .killThread: 0
            case .trap: 0x0003_0000
            case .log: 0x7ffc_0000
            case .fail(let errno): 0x0005_0000 | UInt32(bitPattern: errno) & 0xffff
            case .trace(let number): 0x7ff0_0000 | UInt32(number)
            }
        }
    }

    /// A condition on one argument, by its index.
    package struct Condition: Sendable, Equatable {
        package enum Comparison: Sendable, Equatable { case differs, less, atMost, equals, atLeast, greater, masked }
        package let argument: UInt32
        package let comparison: Comparison
        package let value: UInt64
        /// For `masked`: the value that the masked argument must equal.
        package let second: UInt64

        package init(_ argument: UInt32, _ comparison: Comparison, _ value: UInt64, _ second: UInt64 = 0) {
            self.argument = argument
            self.comparison = comparison
            self.value = value
            self.second = second
        }

        var raw: scmp_arg_cmp {
            let operation =
                switch comparison {
                case .differs: SCMP_CMP_NE
                case .less: SCMP_CMP_LT
                case .atMost: SCMP_CMP_LE
                case .equals: SCMP_CMP_EQ
                case .atLeast: SCMP_CMP_GE
                case .greater: SCMP_CMP_GT
                case .masked: SCMP_CMP_MASKED_EQ
                }
            return scmp_arg_cmp(arg: argument, op: operation, datum_a: value, datum_b: second)
        }
    }

    /// One rule of a profile: system call names, and conditions that must all hold.
    package struct Rule: Sendable, Equatable {
        package let names: [String]
        package let conditions: [Condition]
        package let action: Action

        package init(_ names: [String], _ conditions: [Condition] = [], _ action: Action = .allow) {
            self.names = names
            self.conditions = conditions
            self.action = action
        }
    }

    /// Compiles rules to the BPF program that seccomp(2) takes, 8 bytes per instruction; `otherwise` is the default action (EPERM). Names
    /// unknown on this architecture are skipped. Calls with numbers from `unknownFrom` on return ENOSYS. Without `foreignArchitectures`, a
    /// call through another architecture's ABI kills the thread.
    package static func compile(
        _ rules: [Rule], otherwise: Action = .fail(errno: 1), foreignArchitectures: Bool = true,
        unknownFrom: UInt32? = nil
    ) throws(SyscallError) -> [UInt8] {
        guard let context = unsafe seccomp_init(otherwise.raw) else {
            throw SyscallError(call: "seccomp_init", subject: "a filter", errno: 12)
        }
        defer { unsafe seccomp_release(context) }
        #if arch(x86_64)
            // 32-bit programs run under the same rules: AUDIT_ARCH_I386 and the x32 ABI.
            if foreignArchitectures {
                _ = unsafe seccomp_arch_add(context, 0x4000_0003)
                _ = unsafe seccomp_arch_add(context, 0x4000_003e)
            }
        #endif
        // A binary tree keeps a long list cheap for every call.
        _ = unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        // libseccomp rejects rules with the default action; they are redundant.
        for rule in rules where rule.action != otherwise {
            for name in rule.names {
                let known = unsafe seccomp_syscall_resolve_name(name)
                // __NR_SCMP_ERROR: unknown to libseccomp, or not a system call of this architecture.
                guard let number = known == -1 ? newerCalls[name] : known else { continue }
                let code = unsafe seccomp_rule_add_array(
                    context, rule.action.raw, number, UInt32(rule.conditions.count), rule.conditions.map(\.raw))
                // -EDOM and -EFAULT: the call does not exist on one of the architectures.
                if code < 0, code != -33, code != -14 {
                    throw SyscallError(call: "seccomp_rule_add", subject: name, errno: -code)
                }
            }
        }
        return try unsafe (unknownFrom.map(unknownCallPrologue) ?? []) + export(context)
    }

    /// Calls unknown to older versions of libseccomp (asm-generic/unistd.h); their numbers are the same on all architectures.
    private static let newerCalls: [String: Int32] = [
        "cachestat": 451, "fchmodat2": 452, "map_shadow_stack": 453, "futex_wake": 454, "futex_wait": 455,
        "futex_requeue": 456, "statmount": 457, "listmount": 458, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460,
        "lsm_list_modules": 461, "mseal": 462, "setxattrat": 463, "getxattrat": 464, "listxattrat": 465,
        "removexattrat": 466,
    ]

    /// A prologue that makes unknown newer calls return ENOSYS instead of EPERM: libraries fall back to older calls only on ENOSYS (runc
    /// does the same). Calls of the x32 ABI (bit 30) and ARM's private calls are left to the filter.
    private static func unknownCallPrologue(from first: UInt32) -> [UInt8] {
        // linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JGE | BPF_K, BPF_RET | BPF_K.
        let (load, jumpIfAtLeast, answer): (UInt16, UInt16, UInt16) = (0x20, 0x35, 0x06)
        let armPrivate: UInt32 = 0xf0000
        let noSystemCall: Int32 = 38
        let instructions: [(code: UInt16, ifTrue: UInt8, ifFalse: UInt8, value: UInt32)] = [
            // The system call number is the first member of struct seccomp_data.
            (load, 0, 0, 0), (jumpIfAtLeast, 2, 0, armPrivate), (jumpIfAtLeast, 0, 1, first),
            (answer, 0, 0, Action.fail(errno: noSystemCall).raw),
        ]
        return instructions.flatMap { instruction -> [UInt8] in
            let code = [UInt8(truncatingIfNeeded: instruction.code), UInt8(truncatingIfNeeded: instruction.code >> 8)]
            let value = (0..<4).map { UInt8(truncatingIfNeeded: instruction.value >> UInt32(8 * $0)) }
            return code + [instruction.ifTrue, instruction.ifFalse] + value
        }
    }

    private static func export(_ context: scmp_filter_ctx) throws(SyscallError) -> [UInt8] {
        let file = try Files.memory("seccomp", [])
        let code = unsafe seccomp_export_bpf(context, file.raw)
        if code < 0 { throw SyscallError(call: "seccomp_export_bpf", subject: "a filter", errno: -code) }
        let size = try Files.status(of: file.raw).size
        return try readSome(file.raw, at: 0, limit: Int(size))
    }
}
