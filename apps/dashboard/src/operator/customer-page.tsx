export default function CustomerPage(_props: Record<string, string>) { return null; }
