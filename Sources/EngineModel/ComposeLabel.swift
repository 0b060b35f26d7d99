/// Labels that Compose sets on its objects; other tools find projects by them.
public enum ComposeLabel {
    public static let project = "com.docker.compose.project"
    public static let service = "com.docker.compose.service"
    public static let number = "com.docker.compose.container-number"
    public static let oneOff = "com.docker.compose.oneoff"
    /// The ID of the container's image.
    public static let image = "com.docker.compose.image"
    /// A unique suffix of a one-off container of `run`.
    public static let slug = "com.docker.compose.slug"
    public static let configHash = "com.docker.compose.config-hash"
    public static let dependsOn = "com.docker.compose.depends_on"
    public static let workingDirectory = "com.docker.compose.project.working_dir"
    public static let configFiles = "com.docker.compose.project.config_files"
    public static let version = "com.docker.compose.version"
    /// The version of Compose that files and commands are compatible with.
    public static let compatibleVersion = "2.26.1"
    public static let network = "com.docker.compose.network"
    public static let volume = "com.docker.compose.volume"
    /// An annotation, not a label: the definition of the service when the container was created, to describe changes.
    public static let definition = "io.roost.service"
    /// An annotation, until the container is created: the input of `configHash`, if it refers to other containers.
    public static let hashForm = "io.roost.hash-form"
}
