export default function ProjectPage(_props: Record<string, string>) { return null; }
