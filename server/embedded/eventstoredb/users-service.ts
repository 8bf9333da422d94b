import {
  ChangePasswordReq, CreateReq, DeleteReq, DetailsReq, DetailsResp, DisableReq, EnableReq, ResetPasswordReq, UpdateReq,
} from "millrace/internal/gen/static/event_store/client/users/users";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { handlerFailed } from "./errors.js";
import { decodeRequest, type OneRequest } from "./messages.js";
import type { Users } from "./users.js";
import type { Decoder } from "millrace/internal/protobuf/decode";

const DONE = new Uint8Array(0);

/** The methods that manage users. */
export function userMethods(users: Users): ReadonlyMap<string, OneRequest> {
  const managed = <Options>(codec: Decoder<{ options?: Options | undefined }>, work: (options: Options) => void): OneRequest => (bytes, session) => {
    session.requireGroup();
    const { options } = decodeRequest(codec, bytes);
    if (options === undefined) throw handlerFailed();
    work(options);
    return DONE;
  };
  return new Map<string, OneRequest>([
    [eventstoredbMethods.usersCreate.path, managed(CreateReq, ({ loginName, password, fullName, groups }) => users.create(loginName, password, fullName, groups))],
    [eventstoredbMethods.usersUpdate.path, managed(UpdateReq, ({ loginName, fullName, groups }) => users.update(loginName, fullName, groups))],
    [eventstoredbMethods.usersDelete.path, managed(DeleteReq, ({ loginName }) => users.delete(loginName))],
    [eventstoredbMethods.usersEnable.path, managed(EnableReq, ({ loginName }) => users.setDisabled(loginName, false))],
    [eventstoredbMethods.usersDisable.path, managed(DisableReq, ({ loginName }) => users.setDisabled(loginName, true))],
    [eventstoredbMethods.usersResetPassword.path, managed(ResetPasswordReq, ({ loginName, newPassword }) => users.resetPassword(loginName, newPassword))],
    [eventstoredbMethods.usersChangePassword.path, (bytes, session) => {
      const { options } = decodeRequest(ChangePasswordReq, bytes);
      if (options === undefined) throw handlerFailed();
      if (session.login !== options.loginName) session.requireGroup();
      users.changePassword(options.loginName, options.currentPassword, options.newPassword);
      return DONE;
    }],
    [eventstoredbMethods.usersDetails.path, async function* (bytes, session) {
      session.requireLogin();
      for (const userDetails of users.details(decodeRequest(DetailsReq, bytes).options?.loginName ?? "")) yield DetailsResp.encode({ userDetails }).finish();
    }],
  ]);
}
