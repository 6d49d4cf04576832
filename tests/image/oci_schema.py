"""Holds documents to the JSON schemas of the OCI image specification. `missing` says why that cannot be done here; empty when it can."""
import json, os, warnings

schemas = os.path.join(os.environ.get("TESTCTR_SHARED_DATA") or os.path.join(os.environ.get("TESTCTR_SOURCE", "."), "../shared/data"), "oci-schema")
missing = ""
if not os.path.isdir(schemas):
    missing = "the schemas are not there: TESTCTR_SHARED_DATA names the folder that holds oci-schema/"
else:
    try:
        warnings.simplefilter("ignore")
        import jsonschema
    except ImportError:
        missing = "python3-jsonschema is not installed"

base = "file://" + os.path.abspath(schemas) + "/"


def without_ids(schema):
    """They refer to each other by file name, relative to where they lie and not to what they call themselves."""
    if isinstance(schema, dict):
        return {k: without_ids(v) for k, v in schema.items() if not (k in ("id", "$id") and isinstance(v, str))}
    return [without_ids(v) for v in schema] if isinstance(schema, list) else schema


known = {} if missing else {base + name: without_ids(json.load(open(os.path.join(schemas, name)))) for name in os.listdir(schemas) if name.endswith(".json")}


def errors(name, document):
    schema = known[base + name]
    return [f"{list(e.absolute_path)}: {e.message}" for e in jsonschema.Draft4Validator(schema, resolver=jsonschema.RefResolver(base + name, schema, store=known)).iter_errors(document)]


def layout_errors(folder):
    """Of everything that an OCI layout says of itself."""
    read = lambda d: json.load(open(f"{folder}/blobs/sha256/{d['digest'][7:]}"))
    index = json.load(open(folder + "/index.json"))
    found = errors("image-layout-schema.json", json.load(open(folder + "/oci-layout"))) + errors("image-index-schema.json", index)
    for entry in index["manifests"]:
        manifest = read(entry)
        found += errors("image-manifest-schema.json", manifest) + errors("config-schema.json", read(manifest["config"]))
    return found
