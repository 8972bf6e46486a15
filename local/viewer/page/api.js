// Questions to the viewer's own server; an answer that says why it failed becomes an Error.

async function answer(response) {
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

export const get = async (path) => answer(await fetch(path));

export const post = async (path, question) =>
  answer(
    await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
    }),
  );
