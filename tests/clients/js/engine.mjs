// The WebAssembly module against the native build: node engine.mjs MODULE DIGESTS_PROGRAM
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {gzipSync} from 'node:zlib';
import assert from 'node:assert/strict';

const GZIPPED_BYTES_MAX = 300 * 1024;
const IMPORTS_ALLOWED = new Set(['fd_close', 'fd_seek', 'fd_write']); // for a broken invariant's words
const [modulePath, digestsProgram] = process.argv.slice(2);

function checkShape(bytes, module) {
    const gzipped = gzipSync(bytes, {level: 9}).length;
    assert.ok(gzipped <= GZIPPED_BYTES_MAX, `the module takes ${gzipped} bytes gzipped`);
    for (const {name} of WebAssembly.Module.imports(module)) {
        assert.ok(IMPORTS_ALLOWED.has(name), `the module imports ${name}`);
    }
    console.log(`${bytes.length} bytes, ${gzipped} gzipped`);
}

async function start(module) {
    let memory;
    const view = () => new DataView(memory.buffer);
    const imports = {
        fd_close: () => 0,
        fd_seek: () => 70, // a pipe cannot seek
        fd_write(_, vectors, count, written) {
            let total = 0;
            for (let at = vectors; at < vectors + 8 * count; at += 8) {
                const length = view().getUint32(at + 4, true);
                process.stderr.write(new Uint8Array(memory.buffer, view().getUint32(at, true), length));
                total += length;
            }
            view().setUint32(written, total, true);
            return 0;
        },
    };
    const {exports} = await WebAssembly.instantiate(module, {wasi_snapshot_preview1: imports});
    memory = exports.memory;
    exports._initialize();
    return exports;
}

function digestsOfModule(engine, input) {
    const at = engine.capstan_allocate(input.length);
    new Uint8Array(engine.memory.buffer).set(input, at);
    const length = engine.capstan_digests(at, input.length);
    engine.capstan_free(at);
    return new TextDecoder().decode(new Uint8Array(engine.memory.buffer, engine.capstan_result(), length));
}

function* inputs() {
    yield new Uint8Array(0);
    yield new Uint8Array(1000);
    yield readFileSync(new URL(import.meta.url));
    let state = 1;
    for (let n = 1; n <= 40; ++n) {
        const input = new Uint8Array(n * n * 37);
        for (let i = 0; i < input.length; ++i) {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            input[i] = state >>> 24;
        }
        yield input;
    }
}

const bytes = readFileSync(modulePath);
const module = new WebAssembly.Module(bytes);
checkShape(bytes, module);
const engine = await start(module);
let compared = 0;
for (const input of inputs()) {
    const native = execFileSync(digestsProgram, {input, encoding: 'utf8'});
    assert.equal(digestsOfModule(engine, input), native, `of ${input.length} bytes`);
    compared += native.trimEnd().split('\n').length;
}
console.log(`${compared} digests are equal`);
