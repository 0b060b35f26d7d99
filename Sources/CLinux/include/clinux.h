// System calls and constants that the Glibc module does not export to Swift: newer calls without a wrapper, variadic functions, and macros
// with casts. One function per call, no logic.
#ifndef ROOST_CLINUX_H
#define ROOST_CLINUX_H

// Never define _GNU_SOURCE: it changes types that Swift's Glibc module declares without it. Declarations that need it are repeated here.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <malloc.h>
#include <net/if.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

// Processes and namespaces: clone(2), pidfd_open(2), setns(2), unshare(2).
static inline long roost_clone3(uint64_t flags, int *pidfd, int cgroup) {
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = flags;
    args.pidfd = (uint64_t)(uintptr_t)pidfd;
    args.exit_signal = SIGCHLD;
    args.cgroup = cgroup < 0 ? 0 : (uint64_t)cgroup;
    return syscall(SYS_clone3, &args, sizeof args);
}
static inline long roost_fork(void) { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static inline int roost_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int roost_pidfd_send_signal(int fd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}
static inline int roost_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }
static inline int roost_setns(int fd, int type) { return (int)syscall(SYS_setns, fd, type); }
static inline int roost_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
static inline int roost_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
static inline int roost_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }
static inline int roost_sethostname(const char *name, size_t length) { return (int)syscall(SYS_sethostname, name, length); }
static inline int roost_setdomainname(const char *name, size_t length) { return (int)syscall(SYS_setdomainname, name, length); }
// The raw calls: glibc's wrappers synchronise all threads; the shim has only one.
static inline int roost_setgroups(size_t count, const gid_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }
static inline int roost_setresuid(uid_t id) { return (int)syscall(SYS_setresuid, id, id, id); }
static inline int roost_setresgid(gid_t id) { return (int)syscall(SYS_setresgid, id, id, id); }
static inline int roost_setrlimit(int resource, uint64_t soft, uint64_t hard) {
    struct { uint64_t rlim_cur, rlim_max; } limit = {soft, hard};
    return (int)syscall(SYS_prlimit64, 0, resource, &limit, NULL);
}
static inline int roost_getrlimit(int resource, uint64_t *soft, uint64_t *hard) {
    struct { uint64_t rlim_cur, rlim_max; } limit;
    int result = (int)syscall(SYS_prlimit64, 0, resource, NULL, &limit);
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return result;
}
static inline int roost_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}
static inline int roost_capget(uint64_t *effective, uint64_t *permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    int result = (int)syscall(SYS_capget, &header, data);
    *effective = data[0].effective | ((uint64_t)data[1].effective << 32);
    *permitted = data[0].permitted | ((uint64_t)data[1].permitted << 32);
    return result;
}
static inline int roost_seccomp_filter(const void *program, unsigned short count) {
    struct sock_fprog filter = {count, (struct sock_filter *)(uintptr_t)program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
static inline int roost_wifexited(int status) { return WIFEXITED(status); }
static inline int roost_wexitstatus(int status) { return WEXITSTATUS(status); }
static inline int roost_wtermsig(int status) { return WTERMSIG(status); }
static inline void roost_reset_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
static inline int roost_signal_fd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
static inline void roost_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }
static inline void roost_trim(void) { malloc_trim(0); }
static inline void roost_ignore_signal(int number) { signal(number, SIG_IGN); }

// Paths and descriptors: openat2(2), memfd_create(2), mknodat(2).
static inline int roost_openat(int dir, const char *path, int flags, mode_t mode) { return openat(dir, path, flags, mode); }
static inline int roost_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {flags, mode, resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}
static inline int roost_memfd(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }
static inline int roost_pipe2(int *ends, int flags) { return (int)syscall(SYS_pipe2, ends, flags); }
static inline int roost_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static inline uint64_t roost_makedev(unsigned major, unsigned minor) { return makedev(major, minor); }
static inline unsigned roost_major(uint64_t device) { return major(device); }
static inline unsigned roost_minor(uint64_t device) { return minor(device); }
static inline int roost_ioctl_int(int fd, unsigned long request, int value) { return ioctl(fd, request, &value); }
static inline int roost_ioctl_out(int fd, unsigned long request, int *value) { return ioctl(fd, request, value); }
static inline int roost_ioctl_value(int fd, unsigned long request, long value) { return ioctl(fd, request, value); }
static inline int roost_get_window(int fd, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    int result = ioctl(fd, TIOCGWINSZ, &size);
    *rows = size.ws_row;
    *columns = size.ws_col;
    return result;
}
static inline int roost_set_window(int fd, unsigned short rows, unsigned short columns) {
    struct winsize size = {rows, columns, 0, 0};
    return ioctl(fd, TIOCSWINSZ, &size);
}

// Mounts: fsopen(2), move_mount(2), open_tree(2), mount_setattr(2), pivot_root(2).
static inline int roost_fsopen(const char *type) { return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC); }
static inline int roost_fsconfig(int fd, unsigned command, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, fd, command, key, value, 0);
}
static inline int roost_fsmount(int fd, unsigned attributes) { return (int)syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes); }
static inline int roost_open_tree(int dir, const char *path, unsigned flags) { return (int)syscall(SYS_open_tree, dir, path, flags); }
static inline int roost_move_mount(int from, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, "", to, to_path, flags);
}
static inline int roost_mount_setattr(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation) {
    struct mount_attr attributes = {set, clear, propagation, 0};
    return (int)syscall(SYS_mount_setattr, fd, path, flags, &attributes, sizeof attributes);
}
static inline int roost_pivot_root(const char *new_root, const char *put_old) { return (int)syscall(SYS_pivot_root, new_root, put_old); }

// Sockets: unix(7) descriptor passing.
static inline ssize_t roost_send_fds(int socket, const void *bytes, size_t length, const int *fds, int count) {
    char control[CMSG_SPACE(sizeof(int) * 64)];
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        memset(control, 0, sizeof control);
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
static inline ssize_t roost_receive_fds(int socket, void *bytes, size_t length, int *fds, int *count) {
    char control[CMSG_SPACE(sizeof(int) * 64)];
    struct iovec part = {bytes, length};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    *count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int found = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(header), sizeof(int) * (size_t)found);
        *count = found;
    }
    return received;
}
static inline int roost_unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address->sun_path, path);
    return 0;
}
static inline int roost_unix_connect(int socket, const char *path) {
    struct sockaddr_un address;
    if (roost_unix_address(&address, path) < 0) return -1;
    return connect(socket, (struct sockaddr *)&address, sizeof address);
}
static inline int roost_unix_bind(int socket, const char *path) {
    struct sockaddr_un address;
    if (roost_unix_address(&address, path) < 0) return -1;
    return bind(socket, (struct sockaddr *)&address, sizeof address);
}
static inline int roost_accept(int socket) { return (int)syscall(SYS_accept4, socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }
static inline int roost_set_socket_option(int socket, int level, int option, int value) {
    return setsockopt(socket, level, option, &value, sizeof value);
}
static inline int roost_get_socket_error(int socket) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &value, &size) < 0 ? errno : value;
}
static inline uid_t roost_peer_uid(int socket) {
    struct { pid_t pid; uid_t uid; gid_t gid; } who = {0, (uid_t)-1, 0};
    socklen_t size = sizeof who;
    getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size);
    return who.uid;
}

// epoll(7), without the union of its event structure.
static inline int roost_epoll_control(int poll, int operation, int fd, uint32_t interest) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = interest;
    event.data.fd = fd;
    return epoll_ctl(poll, operation, fd, &event);
}
static inline int roost_epoll_wait(int poll, int *fds, uint32_t *ready, int limit, int timeout) {
    struct epoll_event events[64];
    int count = epoll_wait(poll, events, limit < 64 ? limit : 64, timeout);
    for (int i = 0; i < count; i++) { fds[i] = events[i].data.fd; ready[i] = events[i].events; }
    return count;
}

// bpf(2): the device filter of a v2 cgroup.
static inline int roost_bpf_load_device_filter(const void *instructions, unsigned count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)instructions;
    attributes.insn_cnt = count;
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}
static inline int roost_bpf_attach_device_filter(int program, int cgroup) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

#define ROOST_POSIX_SPAWN_SETSID 0x80
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
// Spawns with exactly the descriptors that the caller passes: posix_spawn(3).
static inline int roost_spawn(pid_t *pid, const char *path, const int *fds, int count, char *const argv[], char *const envp[], int new_session) {
    // Move the sources above the targets first, so that no dup2 overwrites a source that is still needed.
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int moved[64], result = 0, done = 0;
    if (count > 64) return E2BIG;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (new_session ? ROOST_POSIX_SPAWN_SETSID : 0)));
    for (; done < count; done++) {
        moved[done] = fcntl(fds[done], F_DUPFD_CLOEXEC, 128);
        if (moved[done] < 0) { result = errno; break; }
        posix_spawn_file_actions_adddup2(&actions, moved[done], done);
    }
    if (result == 0) {
        posix_spawn_file_actions_addclosefrom_np(&actions, count);
        result = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    }
    for (int i = 0; i < done; i++) close(moved[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result;
}

// Constants whose macros have casts or suffixes that the Clang importer skips.
static const uint64_t ROOST_CLONE_PIDFD = CLONE_PIDFD, ROOST_CLONE_INTO_CGROUP = CLONE_INTO_CGROUP;
static const uint64_t ROOST_CLONE_CLEAR_SIGHAND = CLONE_CLEAR_SIGHAND;
static const uint64_t ROOST_CLONE_NEWNS = CLONE_NEWNS, ROOST_CLONE_NEWPID = CLONE_NEWPID, ROOST_CLONE_NEWUTS = CLONE_NEWUTS;
static const uint64_t ROOST_CLONE_NEWIPC = CLONE_NEWIPC, ROOST_CLONE_NEWNET = CLONE_NEWNET, ROOST_CLONE_NEWCGROUP = CLONE_NEWCGROUP;
static const uint64_t ROOST_RESOLVE_IN_ROOT = RESOLVE_IN_ROOT, ROOST_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
static const uint64_t ROOST_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS, ROOST_RESOLVE_BENEATH = RESOLVE_BENEATH;
static const uint64_t ROOST_MOUNT_ATTR_RDONLY = MOUNT_ATTR_RDONLY, ROOST_MOUNT_ATTR_NOSUID = MOUNT_ATTR_NOSUID;
static const uint64_t ROOST_MOUNT_ATTR_NODEV = MOUNT_ATTR_NODEV, ROOST_MOUNT_ATTR_NOEXEC = MOUNT_ATTR_NOEXEC;
static const uint64_t ROOST_MOUNT_ATTR_NOATIME = MOUNT_ATTR_NOATIME, ROOST_MOUNT_ATTR__ATIME = MOUNT_ATTR__ATIME;
static const uint64_t ROOST_MS_PRIVATE = 1 << 18, ROOST_MS_SLAVE = 1 << 19, ROOST_MS_SHARED = 1 << 20;
static const unsigned ROOST_OPEN_TREE_CLONE = OPEN_TREE_CLONE, ROOST_OPEN_TREE_CLOEXEC = OPEN_TREE_CLOEXEC;
static const unsigned ROOST_AT_RECURSIVE = 0x8000, ROOST_AT_EMPTY_PATH = 0x1000, ROOST_AT_SYMLINK_NOFOLLOW = AT_SYMLINK_NOFOLLOW;
static const unsigned ROOST_MOVE_MOUNT_F_EMPTY_PATH = MOVE_MOUNT_F_EMPTY_PATH, ROOST_MOVE_MOUNT_T_EMPTY_PATH = MOVE_MOUNT_T_EMPTY_PATH;
static const unsigned ROOST_FSCONFIG_SET_FLAG = FSCONFIG_SET_FLAG, ROOST_FSCONFIG_SET_STRING = FSCONFIG_SET_STRING;
static const unsigned ROOST_FSCONFIG_CMD_CREATE = FSCONFIG_CMD_CREATE;
static const unsigned long ROOST_TIOCSCTTY = TIOCSCTTY, ROOST_TIOCSPTLCK = TIOCSPTLCK, ROOST_TIOCGPTPEER = TIOCGPTPEER;
static const int ROOST_O_PATH = 010000000, ROOST_O_CLOEXEC = O_CLOEXEC;

#endif
