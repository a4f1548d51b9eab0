// One ONNX Runtime process of `atoll bench models`: obeys lines of JSON on standard input, one line of JSON each.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const ort = createRequire(`${folder}/package.json`)('onnxruntime-node');
const packageFile = join(folder, 'node_modules', 'onnxruntime-node', 'package.json');
const arrays = { float32: Float32Array, int64: BigInt64Array };
const now = () => Number(process.hrtime.bigint()) / 1e6;

let session;
let feeds = {};

const commands = {
  version: () => ({ onnxruntime: JSON.parse(readFileSync(packageFile, 'utf8')).version, node: process.version }),

  async load({ model, threads, batch }) {
    await session?.release();
    const start = now();
    session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      freeDimensionOverrides: { N: batch },
    });
    return { ms: now() - start };
  },

  feed({ inputs }) {
    feeds = {};
    for (const { name, type, dims, file } of inputs) {
      const bytes = readFileSync(file);
      const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      feeds[name] = new ort.Tensor(type, new arrays[type](copy), dims);
    }
    return {};
  },

  async fetch({ folder: target }) {
    const start = now();
    const fetched = await session.run(feeds);
    const ms = now() - start;
    const outputs = session.outputNames.map((name, index) => {
      const { data } = fetched[name];
      const file = join(target, `output-${index}.bin`);
      writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return { name, file };
    });
    return { ms, outputs };
  },

  async run({ count }) {
    const ms = [];
    const cpu = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const start = now();
      await session.run(feeds);
      ms.push(now() - start);
    }
    const used = process.cpuUsage(cpu);
    return { ms, cpu_ms: (used.user + used.system) / 1000 / count };
  },

  memory() {
    const status = readFileSync('/proc/self/status', 'utf8');
    return { peak_mb: Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024 };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  try {
    console.log(JSON.stringify(await commands[command](parameters)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
