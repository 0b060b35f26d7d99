/// Labels that Compose puts on what it makes; other tools find projects by them.
public enum ComposeLabel {
    public static let project = "com.docker.compose.project"
    public static let service = "com.docker.compose.service"
    public static let number = "com.docker.compose.container-number"
    public static let oneOff = "com.docker.compose.oneoff"
    /// The id of the image that the container was made from.
    public static let image = "com.docker.compose.image"
    /// What tells the containers of `run` apart.
    public static let slug = "com.docker.compose.slug"
    public static let configHash = "com.docker.compose.config-hash"
    public static let dependsOn = "com.docker.compose.depends_on"
    public static let workingDirectory = "com.docker.compose.project.working_dir"
    public static let configFiles = "com.docker.compose.project.config_files"
    public static let version = "com.docker.compose.version"
    /// The version of Compose whose files and commands are understood.
    public static let compatibleVersion = "2.26.1"
    public static let network = "com.docker.compose.network"
    public static let volume = "com.docker.compose.volume"
    /// Not a label but an annotation: the service as it was when the container was made, for saying what has changed.
    public static let definition = "io.roost.service"
    /// An annotation too, until the container is created: the text of which `configHash` is the hash, where it refers to other containers.
    public static let hashForm = "io.roost.hash-form"
}
