// A client of the page of `minimal`, as its reader would write it: it waits a little longer each time.
const [base, jobId, pace, patience] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function poll() {
  const began = Date.now();
  for (let interval = 1; Date.now() - began < patience * 1000; interval *= 1.5) {
    const answer = await fetch(`${base}/api/v1/jobs/${jobId}`, { headers });
    if (answer.status === 404) return { gone: true };
    if (!answer.ok) throw new Error(answer.statusText);
    const { status, result, error } = await answer.json();
    console.log(JSON.stringify(status));
    if (status === "succeeded") return { result };
    if (status === "failed") return { error };
    await sleep(interval * pace);
  }
  return { waiting: true };
}

console.log(JSON.stringify(await poll()));
