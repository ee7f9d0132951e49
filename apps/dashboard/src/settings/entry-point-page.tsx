export default function EntryPointPage(_props: Record<string, string>) { return null; }
