import ComposeFile
import ComposeModel
import EngineModel

/// What libFuzzer calls with each of its inputs (LLVM, "libFuzzer"): a project file, which includes itself under another name. The
/// loader answers or refuses; a crash, a hang or too much memory ends the run.
@_cdecl("LLVMFuzzerTestOneInput")
public func loaderFuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: count))
    var request = LoadRequest(workingDirectory: "/w", environment: ["D": "d"]) { path in
        ["/w/compose.yaml", "/w/other.yaml", "/w/.env"].contains(path) ? bytes : nil
    }
    request.projectName = "p"
    if let project = try? ProjectLoader.load(request) {
        _ = YAMLWriter.text(ConfigRenderer.yaml(project))
        _ = ConfigRenderer.json(project).text()
    }
    request.passes.interpolates = false
    if let project = try? ProjectLoader.load(request) { _ = YAMLWriter.text(RawModel.model(project)) }
    _ = try? ProjectLoader.variables(request)
    return 0
}
