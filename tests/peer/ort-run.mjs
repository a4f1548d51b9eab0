// Runs a model in ONNX Runtime on given inputs, so that tests can compare.
//   node ort-run.mjs MODEL JOB.json OUTDIR
// JOB.json: {"runs":[[{"name","type","dims":[…],"file"}, …], …]}; each file holds the raw little-endian elements.
// Writes OUTDIR/runI-J.bin (output J of run I) and OUTDIR/result.json: {"runs":[[{"name","type","dims","file"}]], "ms":[…]}.
// ONNX Runtime is taken from the folder in ATOLL_PEER (default /opt/peer).
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [modelPath, jobPath, outDir] = process.argv.slice(2);
if (!outDir) {
  console.error('usage: node ort-run.mjs MODEL JOB.json OUTDIR');
  process.exit(2);
}

const peer = process.env.ATOLL_PEER ?? '/opt/peer';
const ort = createRequire(join(peer, 'package.json'))('onnxruntime-node');

const arrays = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, uint64: BigUint64Array, int32: Int32Array,
  uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};

function readTensor({ type, dims, file }) {
  const bytes = readFileSync(file);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return new ort.Tensor(type, new arrays[type](copy), dims);
}

const job = JSON.parse(readFileSync(jobPath, 'utf8'));
const session = await ort.InferenceSession.create(modelPath, { intraOpNumThreads: job.threads ?? 0 });
const result = { runs: [], ms: [] };
for (const [run, inputs] of job.runs.entries()) {
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, readTensor(input)]));
  const start = performance.now();
  const fetched = await session.run(feeds);
  result.ms.push(performance.now() - start);
  result.runs.push(session.outputNames.map((name, index) => {
    const { type, dims, data } = fetched[name];
    const file = join(outDir, `run${run}-${index}.bin`);
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { name, type, dims, file };
  }));
}

writeFileSync(join(outDir, 'result.json'), JSON.stringify(result));
