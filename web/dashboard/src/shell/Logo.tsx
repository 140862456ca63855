const ADDRESS = new URL("../../icon.svg", import.meta.url).href;

export function Logo() {
  return <img src={ADDRESS} alt="" width="24" height="24" />;
}
