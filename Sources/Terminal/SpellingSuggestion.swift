/// Suggestions for mistyped words.
package enum SpellingSuggestion {
    /// The nearest known word within two edits, one for short words; nil if there is none.
    package static func of(_ word: String, in known: [String]) -> String? {
        let bound = max(1, min(2, word.utf8.count / 3))
        return known.map { ($0, distance(word, $0)) }.filter { $0.1 <= bound }.min { $0.1 < $1.1 }?.0
    }

    /// The number of bytes to change, insert or delete; swapping two counts as one edit (Damerau-Levenshtein).
    static func distance(_ one: String, _ other: String) -> Int {
        let one = Array(one.utf8)
        let other = Array(other.utf8)
        var rows = [[Int]](repeating: [Int](repeating: 0, count: other.count + 1), count: one.count + 1)
        for i in 0...one.count { rows[i][0] = i }
        for j in 0...other.count { rows[0][j] = j }
        for i in one.indices {
            for j in other.indices {
                var best = min(
                    rows[i][j + 1] + 1, rows[i + 1][j] + 1, rows[i][j] + (one[i] == other[j] ? 0 : 1))
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                rows[i + 1][j + 1] = best
            }
        }
        return rows[one.count][other.count]
    }
}
