// Runs many small models in ONNX Runtime, each once, so that tests can compare.
//   node ort-batch.mjs JOB.json OUTDIR
// JOB.json: {"cases":[{"model","inputs":[{"name","type","dims","file"}]}]}; files hold raw little-endian elements.
// Writes OUTDIR/I-J.bin (output J of case I) and OUTDIR/result.json:
// {"cases":[{"outputs":[{"name","type","dims","file"}]} or {"error"}]}.
// ONNX Runtime is taken from the folder in ATOLL_PEER (default /opt/peer).
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [jobPath, outDir] = process.argv.slice(2);
const ort = createRequire(join(process.env.ATOLL_PEER ?? '/opt/peer', 'package.json'))('onnxruntime-node');
const arrays = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, uint64: BigUint64Array, int32: Int32Array,
  uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};

function read({ type, dims, file }) {
  const bytes = readFileSync(file);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return new ort.Tensor(type, new arrays[type](copy), dims);
}

async function run({ model, inputs }, index) {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const fetched = await session.run(Object.fromEntries(inputs.map((input) => [input.name, read(input)])));
  const outputs = session.outputNames.map((name, output) => {
    const { type, dims, data } = fetched[name];
    const file = join(outDir, `${index}-${output}.bin`);
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { name, type, dims, file };
  });
  await session.release();
  return { outputs };
}

const cases = [];
for (const [index, item] of JSON.parse(readFileSync(jobPath, 'utf8')).cases.entries()) {
  try {
    cases.push(await run(item, index));
  } catch (error) {
    cases.push({ error: String(error) });
  }
}

writeFileSync(join(outDir, 'result.json'), JSON.stringify({ cases }));
