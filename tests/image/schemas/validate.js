// Holds Kubernetes objects (a JSON array on standard input) against the published schemas of package.json. Prints one
// line for each problem. A member that no schema looks at is a problem, too: a cluster would drop it without a word.
'use strict';

const {existsSync, readFileSync} = require('fs');
const {dirname, join} = require('path');

/** Of each object: which members the schemas read, by their path. */
function watch(value, path, read) {
    if (typeof value !== 'object' || value === null) return value;
    return new Proxy(value, {
        get(target, name) {
            const member = target[name];
            if (typeof name === 'symbol' || !Object.hasOwn(target, name)) return member;
            read.add(`${path}/${name}`);
            return watch(member, `${path}/${name}`, read);
        }
    });
}

function* members(value, path) {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, member] of Object.entries(value)) {
        yield `${path}/${name}`;
        yield* members(member, `${path}/${name}`);
    }
}

/** Undefined where nothing is published for such an object. */
function schema({apiVersion, kind}) {
    const models = dirname(require.resolve('kubernetes-models'));
    const file = join(models, apiVersion, `${kind}.js`);
    if (!existsSync(file)) return undefined;
    const name = Object.keys(require(file)).find((each) => each !== kind);
    return require(join(models, '_schemas', `${name}.js`)).validate;
}

function* problems(object) {
    const validate = schema(object);
    if (!validate) return yield 'no schema is published for it';
    const read = new Set();
    if (!validate(watch(object, '', read)))
        for (const error of validate.errors) yield `${error.instancePath} ${error.keyword} ${JSON.stringify(error.params)}`;
    for (const path of members(object, '')) if (!read.has(path)) yield `${path} is in no schema`;
}

for (const object of JSON.parse(readFileSync(0, 'utf8')))
    for (const problem of problems(object)) console.log(`${object.apiVersion} ${object.kind}: ${problem}`);
