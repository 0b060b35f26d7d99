import ComposeFile
import ComposeModel
import EngineModel
import Foundation
import Testing

/// `schemas/compose.schema.json` lists exactly the keys that the loader takes, object by object.
@Suite struct SchemaTests {
    static let schema: JSON = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = FileManager.default.contents(atPath: folder.path + "/schemas/compose.schema.json") ?? Data()
        return (try? JSON(parsing: Array(data))) ?? .null
    }()

    /// Every object with keys of its own: how to get there in a document, and its keys.
    struct Place {
        var wrap: (JSON) -> JSON
        var name: String
        var keys: Set<String>
    }

    static func places(_ schema: JSON, _ name: String, _ wrap: @escaping (JSON) -> JSON) -> [Place] {
        var found: [Place] = []
        if let properties = schema["properties"].object {
            found.append(Place(wrap: wrap, name: name, keys: Set(properties.map(\.key))))
            for (key, value) in properties {
                found += places(value, "\(name).\(key)") { wrap(.object([(key, $0)])) }
            }
        }
        if !schema["items"].isNull { found += places(schema["items"], name + "[]") { wrap(.array([$0])) } }
        if schema["additionalProperties"].object != nil {
            found += places(schema["additionalProperties"], name + ".*") { wrap(.object([("some", $0)])) }
        }
        for (_, value) in schema["patternProperties"].object ?? [] {
            found += places(value, name + ".*") { wrap(.object([("some", $0)])) }
        }
        for form in schema["oneOf"].array ?? [] { found += places(form, name, wrap) }
        if let reference = schema["$ref"].string, let last = reference.split(separator: "/").last {
            found += places(Self.schema["$defs"][String(last)], name, wrap)
        }
        return found
    }

    @Test("the schema's keys are the loader's, everywhere")
    func keys() throws {
        let places = Self.places(Self.schema, "") { $0 }
        #expect(places.count > 50)
        for place in places where !place.name.isEmpty {
            let document = place.wrap(["nobody-knows-this": 1])
            let error = failure(document.text())
            let known = Set(error?.alternatives ?? [])
            #expect(
                known == place.keys,
                "\(place.name): only in the schema \(place.keys.subtracting(known).sorted()), only in the loader \(known.subtracting(place.keys).sorted()): \(error.map(String.init(describing:)) ?? "no error")"
            )
        }
    }

    @Test("everything is described")
    func descriptions() {
        func missing(_ value: JSON, _ path: String) -> [String] {
            var found: [String] = []
            for (key, property) in value["properties"].object ?? [] {
                if property["$ref"].isNull, (property["description"].string ?? "").isEmpty {
                    found.append("\(path).\(key)")
                }
                found += missing(property, "\(path).\(key)")
            }
            for form in (value["oneOf"].array ?? []) + [value["items"]] where !form.isNull {
                found += missing(form, path)
            }
            return found
        }
        #expect(missing(Self.schema, "") == [])
        for (name, definition) in Self.schema["$defs"].object ?? [] { #expect(missing(definition, name) == []) }
    }
}
