import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Redirect, Route, Switch } from 'wouter';
import { ApiError, session, whenSignedOut } from './api/index.js';
import { inBackground } from './api/in-background.js';
import { Boundary } from './parts/boundary.js';
import { ConfirmProvider } from './parts/confirm.js';
import { Bones, Failure } from './parts/states-of-page.js';
import { SessionContext } from './session-context.js';
import { Shell } from './shell/shell.js';
import { SignIn } from './shell/sign-in.js';

const LivePage = lazy(() => import('./live/live-page.js'));
const StreamPage = lazy(() => import('./stream/stream-page.js'));
const GoLivePage = lazy(() => import('./golive/go-live-page.js'));
const ProjectsPage = lazy(() => import('./settings/projects-page.js'));
const ProjectPage = lazy(() => import('./settings/project-page.js'));
const EntryPointPage = lazy(() => import('./settings/entry-point-page.js'));
const CustomersPage = lazy(() => import('./operator/customers-page.js'));
const CustomerPage = lazy(() => import('./operator/customer-page.js'));
const SystemPage = lazy(() => import('./operator/system-page.js'));
const AccountPage = lazy(() => import('./account/account-page.js'));
const NotFoundPage = lazy(() => import('./shell/not-found-page.js'));

/** Signs in, then shows the page that the address names: every page is a deep link. */
export function App() {
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['session'], queryFn: session.get, staleTime: 60_000 });
  useEffect(() => whenSignedOut(() => inBackground(client.invalidateQueries({ queryKey: ['session'] }))), [client]);
  const isSignedOut = query.error instanceof ApiError && query.error.status === 401;
  if (isSignedOut) return <SignIn />;
  if (query.data === undefined)
    return query.isError ? <Failure error={query.error} retry={() => inBackground(query.refetch())} /> : <Bones />;
  return (
    <SessionContext.Provider value={query.data}>
      <ConfirmProvider>
        <Shell>
          <Boundary>
            <Suspense fallback={<Bones />}>
              <Switch>
                <Route path="/">
                  <Redirect to="/live" replace />
                </Route>
                <Route path="/live" component={LivePage} />
                <Route path="/streams/:appid/:streamId">
                  {({ appid, streamId }) => <StreamPage key={streamId} appid={appid} streamId={streamId} />}
                </Route>
                <Route path="/go-live" component={GoLivePage} />
                <Route path="/projects" component={ProjectsPage} />
                <Route path="/projects/:appid">{({ appid }) => <ProjectPage key={appid} appid={appid} />}</Route>
                <Route path="/projects/:appid/entry-points/:entryPoint">
                  {({ appid, entryPoint }) => (
                    <EntryPointPage key={`${appid}/${entryPoint}`} appid={appid} entryPoint={entryPoint} />
                  )}
                </Route>
                {query.data.role === 'operator' && <Route path="/customers" component={CustomersPage} />}
                {query.data.role === 'operator' && (
                  <Route path="/customers/:customerId">
                    {({ customerId }) => <CustomerPage key={customerId} customerId={customerId} />}
                  </Route>
                )}
                {query.data.role === 'operator' && <Route path="/system" component={SystemPage} />}
                <Route path="/account" component={AccountPage} />
                <Route component={NotFoundPage} />
              </Switch>
            </Suspense>
          </Boundary>
        </Shell>
      </ConfirmProvider>
    </SessionContext.Provider>
  );
}
