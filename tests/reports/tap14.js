// What Debian's node-tap-parser (NODE_PATH=/usr/share/nodejs) makes of the TAP on standard input: one JSON object. Subtests are in it as it
// reads them.
const Parser = require('tap-parser');
const read = (parser, into) => {
  into.points = [];
  into.extra = [];
  into.children = [];
  parser.on('version', version => { into.version = version; });
  parser.on('extra', text => into.extra.push(text));
  parser.on('bailout', reason => { into.bailout = reason; });
  parser.on('child', child => {
    const inner = {name: child.name};
    into.children.push(inner);
    read(child, inner);
  });
  parser.on('assert', point => into.points.push({ok: point.ok, name: point.name, todo: point.todo || false, skip: point.skip || false, diag: point.diag || null}));
  parser.on('complete', results => { into.ok = results.ok; into.count = results.count; into.problems = results.failures.filter(each => each.tapError).map(each => each.tapError); });
};
const all = {};
const top = new Parser({strict: false});
read(top, all);
process.stdin.pipe(top);
process.stdin.on('end', () => setImmediate(() => console.log(JSON.stringify(all))));
