// Fill in what the link of a letter carries after the '#', which browsers send to no server.
const carried = new URLSearchParams(location.hash.slice(1));
for (const name of ["org", "token"]) {
  const field = document.getElementById(name);
  if (carried.get(name)) field.value = carried.get(name);
}
