// A client of the page of `managed`, as its reader would write it: `error` beside `data` says that there is no job.
const [base, jobId, pace, patience] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function poll() {
  const began = Date.now();
  while (Date.now() - began < patience * 1000) {
    const answer = await fetch(`${base}/v1/api/jobs/${jobId}`, { headers });
    const { data, error } = await answer.json();
    if (error !== null) return { gone: true };
    console.log(JSON.stringify(data.status));
    if (data.status === "completed") return { result: data.result };
    if (data.status === "failed") return { error: data.result.error };
    if (data.status === "cancelled") return { cancelled: true };
    if (!(data.progress >= 0 && data.progress <= 100)) throw new Error(data.progress);
    await sleep(5 * pace);
  }
  return { waiting: true };
}

console.log(JSON.stringify(await poll()));
