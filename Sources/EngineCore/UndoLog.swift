/// The undo of each act beside it; newest first, through to the end.
struct UndoLog {
    private var steps: [() throws -> Void] = []
    mutating func onFailure(_ step: @escaping () throws -> Void) { steps.append(step) }
    mutating func unwind() -> [any Error] {
        defer { steps = [] }
        return steps.reversed().compactMap { step in
            do {
                try step()
                return nil
            } catch { return error }
        }
    }
}
