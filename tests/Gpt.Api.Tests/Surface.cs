using System.Reflection;

namespace Gpt.Api.Tests;

/// <summary>The public surface of an assembly, one member a line, sorted: what a caller can compile against.</summary>
internal static class Surface
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IEnumerable<string> Of(Assembly assembly) => assembly.GetExportedTypes().SelectMany(Lines).Order(StringComparer.Ordinal);

    /// <summary>The members of a type that a caller sees. What the compiler makes for every record is told by the word record.</summary>
    internal static IEnumerable<MemberInfo> Members(Type type) =>
        type.GetMembers(All).Where(member => IsSeen(member) && member is not Type && !IsAccessor(member) && !IsMadeForRecord(type, member));

    private static IEnumerable<string> Lines(Type type)
    {
        var kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : IsRecord(type) ? "record" : "class";
        var how = type is { IsAbstract: true, IsSealed: true } ? "static " : type.IsSealed && !type.IsEnum ? "sealed " : type.IsAbstract ? "abstract " : "";
        var bases = type.GetInterfaces().Where(i => !i.IsGenericType).Except(type.BaseType?.GetInterfaces() ?? []).Select(Name).Order(StringComparer.Ordinal);
        var parents = type.IsEnum ? [] : type.BaseType is { } parent && parent != typeof(object) ? bases.Prepend(Name(parent)) : bases;
        yield return $"{how}{kind} {Name(type)}{(parents.Any() ? " : " + string.Join(", ", parents) : "")}";
        foreach (var member in Members(type))
        {
            if (member is not FieldInfo { IsSpecialName: true })
                yield return Line(type, member);
        }
    }

    private static string Line(Type type, MemberInfo member) => member switch
    {
        FieldInfo { IsLiteral: true } field => $"{Name(type)}.{field.Name} = {System.Convert.ToString(field.GetRawConstantValue(), System.Globalization.CultureInfo.InvariantCulture)}",
        FieldInfo field => $"{Static(field.IsStatic)}{Name(type)}.{field.Name} : {Name(field.FieldType)}",
        PropertyInfo property => $"{Static(property.GetMethod!.IsStatic)}{Name(type)}.{property.Name} {{ {Accessors(property)} }} : {NullableName(new NullabilityInfoContext().Create(property))}",
        ConstructorInfo constructor => $"{Name(type)}.new({Parameters(constructor)})",
        MethodInfo method => $"{Static(method.IsStatic)}{Name(type)}.{method.Name}({Parameters(method)}) : {NullableName(new NullabilityInfoContext().Create(method.ReturnParameter))}",
        _ => $"{Name(type)}.{member.Name}",
    };

    private static string Static(bool isStatic) => isStatic ? "static " : "";

    private static string Accessors(PropertyInfo property) =>
        property.SetMethod is not { IsPublic: true } set ? "get;"
        : set.ReturnParameter.GetRequiredCustomModifiers().Length > 0 ? "get; init;" : "get; set;";

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter =>
            $"{NullableName(new NullabilityInfoContext().Create(parameter))} {parameter.Name}{Default(parameter)}"));

    private static string Default(ParameterInfo parameter) =>
        !parameter.HasDefaultValue ? ""
        : parameter.DefaultValue is null ? parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? " = default" : " = null"
        : parameter.DefaultValue is string text ? $" = \"{text}\"" : $" = {parameter.DefaultValue}";

    private static string NullableName(NullabilityInfo info)
    {
        var mark = info.ReadState == NullabilityState.Nullable && !info.Type.IsValueType ? "?" : "";
        return Name(info.Type) + mark;
    }

    private static string Name(Type type)
    {
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (Nullable.GetUnderlyingType(type) is { } value)
            return Name(value) + "?";
        var own = type.Name.Split('`')[0];
        return type.IsGenericType ? $"{own}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : own;
    }

    private static bool IsSeen(MemberInfo member) => member switch
    {
        MethodBase method => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly,
        FieldInfo field => field.IsPublic || field.IsFamily,
        PropertyInfo property => property.GetMethod is { } get && (get.IsPublic || get.IsFamily),
        _ => true,
    };

    private static bool IsAccessor(MemberInfo member) => member is MethodInfo { IsSpecialName: true };

    private static bool IsRecord(Type type) => type.GetMethod("<Clone>$", All) is not null;

    private static bool IsMadeForRecord(Type type, MemberInfo member) =>
        IsRecord(type)
        && (member.Name is "EqualityContract" or "PrintMembers" or "GetHashCode" or "Equals" or "Deconstruct" or "<Clone>$"
            || (member.Name == "ToString" && member.GetCustomAttributes().Any(made => made is System.Runtime.CompilerServices.CompilerGeneratedAttribute))
            || (member is ConstructorInfo made2 && made2.GetParameters() is [{ } only] && only.ParameterType == type));
}
