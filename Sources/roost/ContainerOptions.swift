import ArgumentParser

/// Options shared by `run` and `create`, named as in Docker.
struct ContainerOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Keep STDIN open even if not attached") var interactive = false
    @Flag(name: [.short, .long], help: "Allocate a pseudo-TTY") var tty = false
    @Flag(name: .customLong("rm"), help: "Automatically remove the container when it exits") var rm = false
    @Option(name: .long, help: ArgumentHelp("Assign a name to the container", valueName: "string")) var name: String?
    @Option(
        name: [.customShort("p"), .long],
        help: ArgumentHelp(
            "Publish a container port to the host ([ip:][host:]container[/protocol])", valueName: "list"))
    var publish: [String] = []
    @Flag(name: [.customShort("P"), .long], help: "Publish all exposed ports to random ports") var publishAll = false
    @Option(name: .long, help: ArgumentHelp("Expose a port or a range of ports", valueName: "list"))
    var expose: [String] = []
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Bind mount a volume or host path (source:target[:ro])", valueName: "list"))
    var volume: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Attach a filesystem mount to the container (type=bind,src=...,dst=...)", valueName: "mount"))
    var mount: [String] = []
    @Option(name: .long, help: ArgumentHelp("Mount a tmpfs directory (path[:options])", valueName: "list"))
    var tmpfs: [String] = []
    @Option(name: [.short, .long], help: ArgumentHelp("Set environment variables", valueName: "list"))
    var env: [String] = []
    @Option(name: .long, help: ArgumentHelp("Read in a file of environment variables", valueName: "list"))
    var envFile: [String] = []
    @Option(name: [.short, .long], help: ArgumentHelp("Working directory inside the container", valueName: "string"))
    var workdir: String?
    @Option(name: [.short, .long], help: ArgumentHelp("Username or UID (name|uid[:group|gid])", valueName: "string"))
    var user: String?
    @Option(name: .long, help: ArgumentHelp("Overwrite the default ENTRYPOINT of the image", valueName: "string"))
    var entrypoint: String?
    @Option(name: [.customShort("h"), .long], help: ArgumentHelp("Container host name", valueName: "string"))
    var hostname: String?
    @Option(
        name: [.long, .customLong("net")],
        help: ArgumentHelp(
            "Connect to a network (NETWORK, bridge, host, none, container:NAME or name=NETWORK,...)",
            valueName: "network"))
    var network: [String] = []
    @Option(
        name: [.long, .customLong("net-alias")],
        help: ArgumentHelp("Add a network-scoped alias for the container", valueName: "list"))
    var networkAlias: [String] = []
    @Option(name: .long, help: ArgumentHelp("IPv4 address (e.g. 172.30.100.104)", valueName: "string")) var ip: String?
    @Option(name: .long, help: ArgumentHelp("IPv6 address (e.g. 2001:db8::33)", valueName: "string")) var ip6: String?
    @Option(
        name: .customLong("link-local-ip"),
        help: ArgumentHelp("Container IPv4/IPv6 link-local addresses", valueName: "list"))
    var linkLocalIP: [String] = []
    @Option(name: .long, help: ArgumentHelp("Container MAC address (e.g. 92:d0:c6:0a:29:33)", valueName: "string"))
    var macAddress: String?
    @Option(name: .long, help: ArgumentHelp("Add a link to another container (name[:alias])", valueName: "list"))
    var link: [String] = []
    @Option(name: .long, help: ArgumentHelp("Container NIS domain name", valueName: "string")) var domainname: String?
    @Option(name: .long, help: ArgumentHelp("Add a custom host-to-IP mapping (host:ip)", valueName: "list"))
    var addHost: [String] = []
    @Option(name: .long, help: ArgumentHelp("Set custom DNS servers", valueName: "list")) var dns: [String] = []
    @Option(name: .long, help: ArgumentHelp("Set custom DNS search domains", valueName: "list"))
    var dnsSearch: [String] = []
    @Option(name: [.long, .customLong("dns-opt")], help: ArgumentHelp("Set DNS options", valueName: "list"))
    var dnsOption: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Restart policy (no, always, on-failure[:max-retries], unless-stopped)", valueName: "string"))
    var restart: String?
    @Option(name: [.short, .long], help: ArgumentHelp("Memory limit (e.g. 512m)", valueName: "bytes"))
    var memory: String?
    @Option(name: .long, help: ArgumentHelp("Limit of memory plus swap (-1 for unlimited swap)", valueName: "bytes"))
    var memorySwap: String?
    @Option(name: .long, help: ArgumentHelp("Memory soft limit", valueName: "bytes")) var memoryReservation: String?
    @Option(name: .long, help: ArgumentHelp("Tune container memory swappiness (0 to 100)", valueName: "int"))
    var memorySwappiness: Int?
    @Option(name: .long, help: ArgumentHelp("Number of CPUs (e.g. 0.5)", valueName: "decimal")) var cpus: Double?
    @Option(
        name: .long,
        help: ArgumentHelp("Limit CPU CFS (Completely Fair Scheduler) period, in microseconds", valueName: "int"))
    var cpuPeriod: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Limit CPU CFS (Completely Fair Scheduler) quota, in microseconds", valueName: "int"))
    var cpuQuota: Int?
    @Option(name: .long, help: ArgumentHelp("MEMs in which to allow execution (e.g. 0-1)", valueName: "string"))
    var cpusetMems: String?
    @Option(name: .long, help: ArgumentHelp("Block IO (relative weight, 10 to 1000)", valueName: "uint16"))
    var blkioWeight: Int?
    @Option(name: .long, help: ArgumentHelp("Block IO weight of a device (device:weight)", valueName: "list"))
    var blkioWeightDevice: [String] = []
    @Option(
        name: .customLong("device-read-bps"),
        help: ArgumentHelp("Limit read rate from a device, in bytes per second (e.g. /dev/sda:1mb)", valueName: "list"))
    var deviceReadBps: [String] = []
    @Option(
        name: .customLong("device-write-bps"),
        help: ArgumentHelp("Limit write rate to a device, in bytes per second (e.g. /dev/sda:1mb)", valueName: "list"))
    var deviceWriteBps: [String] = []
    @Option(
        name: .customLong("device-read-iops"),
        help: ArgumentHelp(
            "Limit read rate from a device, in IO operations per second (device:rate)", valueName: "list"))
    var deviceReadOperations: [String] = []
    @Option(
        name: .customLong("device-write-iops"),
        help: ArgumentHelp(
            "Limit write rate to a device, in IO operations per second (device:rate)", valueName: "list"))
    var deviceWriteOperations: [String] = []
    @Flag(name: .long, help: "Disable OOM Killer") var oomKillDisable = false
    @Option(name: [.customShort("c"), .long], help: ArgumentHelp("CPU shares (relative weight)", valueName: "int"))
    var cpuShares: Int?
    @Option(name: .long, help: ArgumentHelp("CPUs in which to allow execution (e.g. 0-1)", valueName: "string"))
    var cpusetCpus: String?
    @Option(name: .long, help: ArgumentHelp("Limit the number of processes", valueName: "int")) var pidsLimit: Int?
    @Option(name: .long, help: ArgumentHelp("Ulimit options (e.g. nofile=1024:2048)", valueName: "ulimit"))
    var ulimit: [String] = []
    @Option(name: .long, help: ArgumentHelp("Add Linux capabilities", valueName: "list")) var capAdd: [String] = []
    @Option(name: .long, help: ArgumentHelp("Drop Linux capabilities", valueName: "list")) var capDrop: [String] = []
    @Flag(name: .long, help: "Give extended privileges to this container") var privileged = false
    @Option(
        name: .long,
        help: ArgumentHelp("Security options (e.g. no-new-privileges, seccomp=unconfined)", valueName: "list"))
    var securityOpt: [String] = []
    @Option(name: .long, help: ArgumentHelp("Add a host device to the container", valueName: "list"))
    var device: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Add a rule to the cgroup allowed devices list (e.g. c 1:3 mr)", valueName: "list"))
    var deviceCgroupRule: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("GPU devices to request (this engine has no GPU drivers)", valueName: "gpu-request"))
    var gpus: String?
    @Option(name: .long, help: ArgumentHelp("Mount volumes from another container (name[:ro])", valueName: "list"))
    var volumesFrom: [String] = []
    @Option(name: .long, help: ArgumentHelp("Volume driver for the container", valueName: "string"))
    var volumeDriver: String?
    @Option(name: .long, help: ArgumentHelp("Add an annotation to the container (name=value)", valueName: "map"))
    var annotation: [String] = []
    @Option(name: .long, help: ArgumentHelp("Cgroup namespace to use (host or private)", valueName: "string"))
    var cgroupns: String?
    @Option(name: .long, help: ArgumentHelp("Optional parent cgroup for the container", valueName: "string"))
    var cgroupParent: String?
    @Option(name: .long, help: ArgumentHelp("User namespace to use (host)", valueName: "string")) var userns: String?
    @Option(name: .long, help: ArgumentHelp("Runtime to use for this container", valueName: "string"))
    var runtime: String?
    @Option(name: .long, help: ArgumentHelp("Storage driver options for the container", valueName: "list"))
    var storageOpt: [String] = []
    @Flag(name: .customLong("use-api-socket"), help: "Bind mount the engine's API socket") var useAPISocket = false
    @Option(
        name: [.customShort("a"), .long], help: ArgumentHelp("Attach to STDIN, STDOUT or STDERR", valueName: "list"))
    var attach: [String] = []
    @Flag(name: .long, help: "Mount the container's root filesystem as read only") var readOnly = false
    @Option(name: .long, help: ArgumentHelp("Size of /dev/shm", valueName: "bytes")) var shmSize: String?
    @Flag(name: .customLong("init"), help: "Run an init inside the container that forwards signals and reaps processes")
    var runsInit = false
    @Option(name: .long, help: ArgumentHelp("Signal to stop the container", valueName: "string"))
    var stopSignal: String?
    @Option(name: .long, help: ArgumentHelp("Timeout to stop the container, in seconds", valueName: "int"))
    var stopTimeout: Int?
    @Option(name: .long, help: ArgumentHelp("Command to run to check health", valueName: "string"))
    var healthCmd: String?
    @Option(name: .long, help: ArgumentHelp("Time between running the check (e.g. 30s)", valueName: "duration"))
    var healthInterval: String?
    @Option(name: .long, help: ArgumentHelp("Maximum time to allow one check to run (e.g. 10s)", valueName: "duration"))
    var healthTimeout: String?
    @Option(name: .long, help: ArgumentHelp("Consecutive failures needed to report unhealthy", valueName: "int"))
    var healthRetries: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Initialization time during which failed checks do not count (e.g. 1m)", valueName: "duration"))
    var healthStartPeriod: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Time between running the check during the start period", valueName: "duration"))
    var healthStartInterval: String?
    @Flag(name: .long, help: "Disable any container-specified HEALTHCHECK") var noHealthcheck = false
    @Option(
        name: [.customShort("l"), .long],
        help: ArgumentHelp("Set metadata on the container (name=value)", valueName: "list"))
    var label: [String] = []
    @Option(name: .long, help: ArgumentHelp("Read in a line-delimited file of labels", valueName: "list"))
    var labelFile: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Logging driver for the container (json-file, local or none)", valueName: "string"))
    var logDriver: String?
    @Option(name: .long, help: ArgumentHelp("Log driver options (e.g. max-size=10m, max-file=3)", valueName: "list"))
    var logOpt: [String] = []
    @Option(name: .long, help: ArgumentHelp("Sysctl options (name=value)", valueName: "map")) var sysctl: [String] = []
    @Option(name: .long, help: ArgumentHelp("IPC mode to use (e.g. host, container:NAME)", valueName: "string"))
    var ipc: String?
    @Option(name: .long, help: ArgumentHelp("PID namespace to use (e.g. host, container:NAME)", valueName: "string"))
    var pid: String?
    @Option(name: .long, help: ArgumentHelp("UTS namespace to use (host)", valueName: "string")) var uts: String?
    @Option(name: .long, help: ArgumentHelp("Add additional groups to join", valueName: "list"))
    var groupAdd: [String] = []
    @Option(name: .long, help: ArgumentHelp("Tune the host's OOM preferences (-1000 to 1000)", valueName: "int"))
    var oomScoreAdj: Int?
    @Option(name: .long, help: ArgumentHelp("Write the container ID to a file", valueName: "string"))
    var cidfile: String?
    @Option(name: .long, help: ArgumentHelp("Pull image before running (always, missing, never)", valueName: "string"))
    var pull: String?
    @Option(name: .long, help: ArgumentHelp("Platform of the image (e.g. linux/amd64)", valueName: "string"))
    var platform: String?
    @Flag(name: [.short, .long], help: "Suppress the pull output") var quiet = false
    // Docker's options that have no effect on Linux.
    @Option(name: .long, help: .hidden) var isolation: String?
    @Option(name: .long, help: .hidden) var kernelMemory: String?
    @Option(name: .customLong("cpu-rt-period"), help: .hidden) var realTimePeriod: Int?
    @Option(name: .customLong("cpu-rt-runtime"), help: .hidden) var realTimeRuntime: Int?
    @Option(name: .long, help: .hidden) var cpuCount: Int?
    @Option(name: .long, help: .hidden) var cpuPercent: Int?
    @Option(name: .customLong("io-maxbandwidth"), help: .hidden) var maximumBandwidth: String?
    @Option(name: .customLong("io-maxiops"), help: .hidden) var maximumOperations: Int?
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
}
