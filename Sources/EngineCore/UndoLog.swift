/// Undo steps of completed actions; they run newest first, and all of them even if some fail.
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
